# SPDX-License-Identifier: MPL-2.0
"""The disk chain of a running source, which each clone makes longer, and what a dry run comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import msgpack
import pytest
from pyVmomi import vim

from instant_clone.provider import checks
from instant_clone.provider.checks import Checks
from instant_clone.provider.comparison import Comparison
from instant_clone.provider.messages import Diagnostic, DynamicValue
from instant_clone.provider.sources import Source, Sources
from instant_clone.provider.stock_client import Imported, StockClient
from instant_clone.provider.values import InstantCloneBlock
from instant_clone.vcenter.clone import Cloner, CloneRequest
from instant_clone.vcenter.clone_source import CloneSource
from instant_clone.vcenter.preflight import DryRun
from instant_clone.versions import ProviderVersion

UNKNOWN = msgpack.ExtType(0, b"")
GOLDEN = CloneSource(
    machine=vim.VirtualMachine("vm-1"),
    inventory_path="/DC0/vm/golden",
    host=vim.HostSystem("host-1"),
    powered_on=True,
    template=False,
    cards={},
    tpm_count=0,
    disk_sizes={},
    extra_config={},
    frozen=False,
    chain_depth=0,
    disk_datastores=(),
)
UUIDS = {
    "00000000-0000-4000-8000-000000000001": "/DC0/vm/golden",
    "00000000-0000-4000-8000-000000000002": "/DC0/vm/silver",
}
ONE, TWO = UUIDS
SEVERITIES = {1: "error", 2: "warning"}
"""as Terraform's plugin protocol numbers them"""
LONG = [("warning", "Long disk chain")]
TOO_LONG = [("error", "Disk chain too long")]


class _FoundSources:
    """Sources of one depth each, and no vCenter to ask for anything else."""

    def __init__(self, machine: CloneSource) -> None:
        self._machine = machine

    def machine(self, uuid: str) -> CloneSource:
        return replace(self._machine, inventory_path=UUIDS[uuid])

    def source(self, uuid: str, _: DynamicValue) -> Source:
        return Source(self.machine(uuid), Imported({}, b""))

    def cloner(self) -> None:
        return None


@pytest.fixture(autouse=True)
def replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stock provider would change nothing on any clone."""
    monkeypatch.setattr(checks, "compare", lambda *_, **__: Comparison({}, {}, frozenset(), ()))


def _said(depth: int, *planned: tuple[str, str], frozen: bool = False) -> list[list[Diagnostic]]:
    """What is said of each clone that is planned, given by its source's UUID and its name."""
    sources = cast(Sources, _FoundSources(replace(GOLDEN, chain_depth=depth, frozen=frozen)))
    # A placement that the apply will know: vCenter is asked for no dry run, and what is said is of the chain.
    unsettled: dict[str, Any] = {"resource_pool_id": UNKNOWN}
    checked = Checks(cast(StockClient, None), sources, version=ProviderVersion(2, 16, 1), folders=())
    return [
        checked.check(unsettled | {"name": name}, InstantCloneBlock.of(uuid), DynamicValue(), in_state=())
        for uuid, name in planned
    ]


def _kinds(said: list[list[Diagnostic]]) -> list[list[tuple[str, str]]]:
    return [[(SEVERITIES[each.severity], each.summary) for each in one] for one in said]


@pytest.mark.parametrize(
    ("there", "expected"),
    [(98, []), (99, []), (100, LONG), (254, LONG), (255, TOO_LONG), (300, TOO_LONG)],
    ids=["to-99", "to-100", "to-101", "to-255", "to-256", "to-301"],
)
def test_a_chain_of_up_to_100_is_usual_and_one_of_up_to_255_possible(
    there: int, expected: list[tuple[str, str]]
) -> None:
    assert _kinds(_said(there, (ONE, "web-1"))) == [expected]


def test_the_clones_of_a_plan_are_counted_together_and_the_warning_comes_once() -> None:
    said = _kinds(_said(98, (ONE, "web-1"), (ONE, "web-2"), (ONE, "web-3"), (ONE, "web-4")))

    assert said == [[], [], LONG, []]


def test_the_clones_that_fit_in_are_planned_beside_the_first_that_does_not() -> None:
    assert _kinds(_said(253, (ONE, "web-1"), (ONE, "web-2"), (ONE, "web-3"))) == [LONG, [], TOO_LONG]


def test_a_clone_that_is_planned_again_is_counted_once() -> None:
    assert _kinds(_said(99, (ONE, "web-1"), (ONE, "web-1"))) == [[], []]


def test_each_source_has_a_chain_of_its_own() -> None:
    assert _kinds(_said(99, (ONE, "web-1"), (TWO, "web-2"), (TWO, "web-3"))) == [[], [], LONG]


def test_a_frozen_source_s_chain_does_not_grow() -> None:
    assert _kinds(_said(255, (ONE, "web-1"), frozen=True)) == [[]]


def test_both_say_how_long_the_chain_is_and_what_to_do() -> None:
    ((warned,), (refused,)) = (_said(depth, (ONE, "web-1"))[0] for depth in (100, 255))

    assert warned.detail == (
        "The disks of /DC0/vm/golden have 100 delta disks, and this plan brings them over 100, which costs speed; 255 "
        "is the limit. Each clone of a running source adds one: freeze the source, or make it anew."
    )
    assert refused.detail == (
        "The disks of /DC0/vm/golden have 255 delta disks. Each clone of a running source adds one, and with those of "
        "this plan there would be 256; vSphere allows 255. Freeze the source, make it anew, or spread the fleet over "
        "several sources."
    )


class _DryRuns:
    """A cloner whose dry runs have these results, in this order."""

    def __init__(self, *results: DryRun) -> None:
        self._results = iter(results)

    def check(self, *_: object) -> DryRun:
        return next(self._results)


def _dry_runs(*results: DryRun) -> list[list[Diagnostic]]:
    """What is said of clones of as many targets as there are results."""
    cloner = cast(Cloner, _DryRuns(*results))
    checked = Checks(cast(StockClient, None), cast(Sources, None), version=ProviderVersion(2, 16, 1), folders=())
    source = Source(GOLDEN, Imported({}, b""))
    return [
        checked._refused_by_vcenter(
            cloner, source, CloneRequest("web-1", f"resgroup-{number}", "", "datastore-1", (), {}, 5)
        )
        for number in range(len(results))
    ]


def test_dry_runs_that_end_with_faults_are_one_warning_for_all_targets() -> None:
    said = _dry_runs(DryRun(missing="it answers with InvalidArgument: A"), DryRun(missing="it answers with B"))

    assert _kinds(said) == [[("warning", "No dry run")], []]
    assert said[0][0].detail == (
        "vCenter could not be asked whether clones can be made before they are: it answers with InvalidArgument: A. "
        "The apply will show."
    )


def test_findings_of_dry_runs_are_errors_for_each_target() -> None:
    refused = DryRun(errors=("InvalidArgument: A",))

    assert _kinds(_dry_runs(refused, DryRun(), refused)) == [
        [("error", "vCenter would refuse the clone")],
        [],
        [("error", "vCenter would refuse the clone")],
    ]
