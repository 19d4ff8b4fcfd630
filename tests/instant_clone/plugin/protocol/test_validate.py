# SPDX-License-Identifier: MPL-2.0
"""Tests of the validation of the block, and of the upgrade of a stored state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testkit.standins.bench import Bench, clone_config
from testkit.standins.world import SOURCE_UUID, uuid_of
from testkit.wire import BLOCK, UNKNOWN

NOT_A_UUID = "error: Invalid source_uuid (instantclone[0].source_uuid)"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, [], id="a-clone"),
        pytest.param({"source_uuid": f"  {SOURCE_UUID.upper()} "}, [], id="uuid-in-capitals"),
        pytest.param({"source_uuid": UNKNOWN}, [], id="source-not-known-yet"),
        pytest.param({BLOCK: UNKNOWN}, [], id="block-not-known-yet"),
        pytest.param({BLOCK: [], "clone": [{"template_uuid": "-"}]}, [], id="no-block"),
        pytest.param({"source_uuid": "golden"}, [NOT_A_UUID], id="a-name-as-uuid"),
        pytest.param({"timeout": 1, "on_reboot": "replace"}, [], id="all-arguments"),
        pytest.param({"timeout": 0}, ["error: Invalid timeout (instantclone[0].timeout)"], id="no-time"),
        pytest.param({"on_reboot": "ask"}, ["error: Invalid on_reboot (instantclone[0].on_reboot)"], id="unknown-way"),
        pytest.param(
            {"clone": [{"template_uuid": "-"}]}, ["error: Conflicting blocks (instantclone)"], id="with-a-clone-block"
        ),
        pytest.param(
            {"datastore_path": "pool/a"},
            ["error: Argument not supported by instant clones (datastore_path)"],
            id="a-folder-for-the-files",
        ),
        pytest.param({BLOCK: [], "datastore_path": "pool/a"}, [], id="a-folder-for-the-files-of-another-vm"),
        pytest.param(
            {"clone": [{"template_uuid": "-"}], "ovf_deploy": [{}], "source_uuid": "x", "timeout": 0.5},
            [
                "error: Conflicting blocks (instantclone)",
                "error: Conflicting blocks (instantclone)",
                NOT_A_UUID,
                "error: Invalid timeout (instantclone[0].timeout)",
            ],
            id="all-findings-at-once",
        ),
    ],
)
def test_validates_the_block(bench: Bench, arguments: dict[str, Any], expected: list[str]) -> None:
    assert bench.plugin.validate(clone_config(**arguments)).said == expected
    assert bench.vcenter.log_ins == 0


def test_lists_the_errors_of_the_stock_provider_first(bench: Bench) -> None:
    bench.stock.faults.add("ValidateResourceTypeConfig", "Invalid memory")

    assert bench.plugin.validate(clone_config(on_reboot="ask")).said == [
        "error: Invalid memory",
        "error: Invalid on_reboot (instantclone[0].on_reboot)",
    ]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param([], id="no-clone"),
        pytest.param([{"source_uuid": SOURCE_UUID, "timeout": 5, "on_reboot": "error"}], id="a-clone"),
    ],
)
def test_upgrade_keeps_the_block_of_a_stored_state(bench: Bench, block: list[Any]) -> None:
    stored = {"name": "web-0", "uuid": uuid_of(2), BLOCK: block}

    answer = bench.plugin.upgrade(json.dumps(stored).encode())

    assert (answer.said, answer.state) == ([], stored)


def test_upgrade_adds_no_block_to_a_state_of_the_stock_provider(bench: Bench) -> None:
    answer = bench.plugin.upgrade(json.dumps({"name": "web-0", "uuid": uuid_of(2)}).encode())

    assert answer.state == {"name": "web-0", "uuid": uuid_of(2), BLOCK: []}


def test_upgrade_leaves_an_empty_state_to_the_stock_provider(bench: Bench) -> None:
    answer = bench.plugin.upgrade(b"")

    assert (answer.said, answer.state) == ([], None)


def test_reports_a_failed_upgrade(bench: Bench) -> None:
    bench.stock.faults.add("UpgradeResourceState", "Unknown version")

    assert bench.plugin.upgrade(b'{"uuid": "x"}').said == ["error: Unknown version"]
