# SPDX-License-Identifier: MPL-2.0
"""Tests of relayed requests, and of failures of the stock provider and of the plugin's configuration."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from instant_clone.errors import VcenterError
from testkit.standins.bench import Bench, clone_config, running_bench
from testkit.standins.stock import Died
from testkit.wire import FOLDER

OTHER = "vsphere_tag"


def test_relays_other_resources(bench: Bench) -> None:
    plan = bench.plugin.plan(None, {"name": "prod"}, kind=OTHER)

    assert (plan.said, plan.state) == ([], {"name": "prod"})
    assert bench.vcenter.log_ins == 0


@pytest.mark.parametrize("fault", [Died(), grpc.StatusCode.UNAVAILABLE])
def test_relays_a_failure_of_the_stock_provider_for_another_resource(bench: Bench, fault: object) -> None:
    bench.stock.faults.add("PlanResourceChange", fault)

    with pytest.raises(grpc.RpcError) as caught:
        bench.plugin.plan(None, {"name": "prod"}, kind=OTHER)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_stock_provider_plans_and_creates_a_folder(bench: Bench) -> None:
    made = bench.plugin.make({"path": "rack[1]/web", "type": "vm"}, kind=FOLDER)

    assert (made.said, made.state) == ([], {"path": "rack[1]/web", "type": "vm"})
    # The stock provider looks up the parent folder only, and treats its path as a pattern.
    assert bench.calls == ["stock: folder rack\\[1]/web"]


def test_forwards_an_interrupt_to_the_stock_provider(bench: Bench) -> None:
    bench.plugin.stop()

    assert bench.stock.asked[-1] == "Stop"


@pytest.mark.parametrize(
    "invalid", [{"vsphere_server": "fd00::1"}, {"api_timeout": -1}, {"vsphere_server": "https://vcenter"}]
)
def test_reports_an_invalid_setting_before_the_stock_provider_connects(bench: Bench, invalid: dict[str, Any]) -> None:
    configuration = {"vsphere_server": "vcenter", "user": "fleet", "password": "-", **invalid}

    assert bench.plugin.configure(configuration) == ["error: Invalid provider configuration"]
    assert "Configure" not in bench.stock.asked


def test_configures_the_plugin_and_the_stock_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_bench(monkeypatch, VSPHERE_SERVER="", VSPHERE_PASSWORD="") as bench:
        refused = bench.plugin.plan(None, clone_config())
        assert [detail.partition(". ")[0] for detail in refused.details] == [
            "VSPHERE_SERVER is not set",
            "VSPHERE_PASSWORD is not set",
        ]

        assert bench.plugin.configure({"vsphere_server": "vcenter", "user": "fleet", "password": "-"}) == []

        assert bench.plugin.plan(None, clone_config()).said == []
        assert "Configure" in bench.stock.asked


def test_reports_an_invalid_parallelism_in_each_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_bench(monkeypatch, INSTANT_CLONE_PARALLELISM="many") as bench:
        assert bench.plugin.plan(None, clone_config()).said == [
            "error: Invalid INSTANT_CLONE_PARALLELISM (instantclone[0].source_uuid)"
        ]
        assert bench.vcenter.log_ins == 0


def test_rejects_requests_after_close(bench: Bench) -> None:
    state = bench.made()
    bench.plugin.relay.close()

    assert bench.plugin.destroy(state).said == ["error: No connection to vCenter"]
    assert bench.calls == []


def test_logs_out_of_a_vcenter_without_instant_clone(bench: Bench) -> None:
    bench.vcenter.faults.add("require_instant_clone", VcenterError("too old"))

    assert bench.plugin.plan(None, clone_config()).details == ["too old"]
    assert (bench.vcenter.log_ins, bench.vcenter.log_outs) == (1, 1)
    # The next request logs in again.
    assert bench.plugin.plan(None, clone_config()).said == []


def test_creates_no_clone_after_the_stock_provider_exited(bench: Bench) -> None:
    plan = bench.plugin.plan(None, clone_config())
    bench.plugin.relay.stop_creating()

    assert bench.plugin.apply(plan).details == [
        "Stopped before the clone /DC0/vm/web-0 was started. Apply again to make it."
    ]


@pytest.mark.parametrize("alive", [True, False], ids=["running", "ended"])
def test_handles_shutdown_with_and_without_the_stock_provider(bench: Bench, alive: bool) -> None:
    bench.stock.alive = alive

    bench.plugin.shut_down()

    assert bench.plugin.done.is_set()


@pytest.mark.parametrize(("alive", "messages"), [(True, [b""]), (False, [])], ids=["running", "ended"])
def test_streams_end_with_the_stock_provider(bench: Bench, alive: bool, messages: list[bytes]) -> None:
    bench.stock.alive = alive

    assert bench.plugin.output() == messages
    assert bench.plugin.broker() == messages
