# SPDX-License-Identifier: MPL-2.0
"""Tests of the comparison of the virtual machines that have a BIOS UUID with the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from instant_clone.errors import VcenterError
from instant_clone.ownership import OWNER_KEY, Owner
from instant_clone.plugin.resource.identity import Identities, differences_from_state
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.upstream_client import RefusedError
from instant_clone.plugin.wire.values import State
from instant_clone.vcenter.lookup.identity import IdentifiedVm

UUID = "564d7b1c-0000-4000-8000-000000000007"
SOURCE = "564d7b1c-0000-4000-8000-000000000001"
MINE = f"mine/web/web-0/{SOURCE}/1"
STATE = State({"name": "web-0", "uuid": UUID, "moid": "vm-7", "extra_config": {OWNER_KEY: MINE}})
CLONE = IdentifiedVm("vm-7", "/DC0/vm/web-0", "poweredOn", template=False, marker=MINE)
COPY = IdentifiedVm("vm-9", "/DC0/vm/copy", "poweredOff", template=False, marker=None)
TEMPLATE = IdentifiedVm("vm-8", "/DC0/vm/golden", "poweredOff", template=True, marker=None)


def vm(moid: str = "vm-7", marker: str | None = MINE) -> IdentifiedVm:
    return IdentifiedVm(moid, "/DC0/vm/web-0", "poweredOn", template=False, marker=marker)


def state_with(**others: Any) -> State:
    return State({**STATE, **others})


def summaries(found: Sequence[IdentifiedVm], state: State = STATE, expected: Owner | None = None) -> list[str]:
    kinds = {1: "error", 2: "warning"}
    return [
        f"{kinds[each.severity]}: {each.summary}" for each in differences_from_state(found, state, expected=expected)
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ([CLONE], []),
        ([vm(marker=None)], []),
        ([vm(marker="no marker at all")], []),
        ([vm(marker=f"mine/web/web-0/{SOURCE}/2")], []),
        ([vm(marker=f"other/web/web-0/{SOURCE}/1")], ["error: Virtual machine has another owner"]),
        ([vm(marker=f"mine/web/web-1/{SOURCE}/1")], ["error: Virtual machine has another owner"]),
        ([vm(marker=f"mine/lab/web-0/{SOURCE}/1")], ["error: Virtual machine has another owner"]),
        ([vm("vm-9")], ["warning: Clone was registered again"]),
        ([vm("vm-9", None)], ["error: Another virtual machine has this UUID"]),
        ([vm("vm-9", f"other/web/web-0/{SOURCE}/1")], ["error: Virtual machine has another owner"]),
        ([CLONE, COPY], ["error: BIOS UUID is not unique"]),
        ([CLONE, TEMPLATE], ["error: BIOS UUID is not unique"]),
    ],
)
def test_compares_the_found_vms_with_the_state(found: list[IdentifiedVm], expected: list[str]) -> None:
    assert summaries(found) == expected


def test_compares_an_imported_state_by_the_marker_of_the_configuration() -> None:
    imported = state_with(extra_config=None)
    expected = Owner.parse(MINE)
    foreign = vm(marker=f"other/web/web-0/{SOURCE}/1")

    assert summaries([CLONE], imported, expected) == []
    assert summaries([foreign], imported, expected) == ["error: Virtual machine has another owner"]
    assert summaries([vm("vm-9")], imported, expected) == ["warning: Clone was registered again"]


def test_rejects_a_marker_without_a_marker_in_the_state_or_the_configuration() -> None:
    """A destroy directly after an import has no configuration to compare the marker with."""
    imported = state_with(extra_config=None)

    assert summaries([CLONE], imported) == ["error: Virtual machine has another owner"]
    assert summaries([vm(marker=None)], imported) == []
    assert summaries([vm("vm-9", None)], imported) == ["error: Another virtual machine has this UUID"]


def test_accepts_a_marker_that_an_interrupted_change_has_written() -> None:
    renamed = Owner.parse(f"mine/web/web-1/{SOURCE}/1")

    assert summaries([vm(marker=f"mine/web/web-1/{SOURCE}/1")], STATE, renamed) == []


def test_accepts_a_state_without_a_managed_object_id() -> None:
    assert summaries([CLONE], state_with(moid=None)) == []


def test_message_lists_every_vm_with_the_uuid() -> None:
    (error,) = differences_from_state([TEMPLATE, COPY, CLONE], STATE)

    assert error.detail == (
        f"web-0: 3 virtual machines have the BIOS UUID {UUID}:\n"
        "  /DC0/vm/golden (vm-8, template, no marker)\n"
        "  /DC0/vm/copy (vm-9, poweredOff, no marker)\n"
        f"  /DC0/vm/web-0 (vm-7, poweredOn, marker {MINE})\n"
        "The stock provider finds a virtual machine by this UUID and could use any of them, so nothing was changed. "
        "Remove the copy from the inventory, or power it off and change its UUID (docs/life.md, "
        '"Copies, restores and test failovers"). Then run the command again.'
    )


class Vcenter:
    """A stand-in for the vCenter connection that records the searched UUIDs."""

    def __init__(self, **found: Sequence[IdentifiedVm]) -> None:
        self.found = found
        self.searched: list[str] = []

    def cloner(self) -> Vcenter:
        return self

    def vms_with_uuid(self, uuid: str) -> Sequence[IdentifiedVm]:
        self.searched.append(uuid)
        return self.found.get(uuid, ())

    def moids_by_uuid(self) -> Mapping[str, Sequence[str]]:
        self.searched.append("all")
        return {uuid: [each.moid for each in vms] for uuid, vms in self.found.items()}


def identities(vcenter: Vcenter) -> Identities:
    return Identities(cast(VcenterClient, vcenter))


def state(uuid: str, moid: str) -> State:
    return State({"name": uuid, "uuid": uuid, "moid": moid, "extra_config": None})


def test_reads_all_uuids_once_for_more_than_two_refreshes() -> None:
    vcenter = Vcenter(**{name: [IdentifiedVm(name, name, "poweredOn", template=False, marker=None)] for name in "abcd"})
    compared = identities(vcenter)

    for name in "abcdabcd":
        compared.before_refresh(name, name)
        assert compared.after_refresh(state(name, name), state(name, name)) == []

    assert vcenter.searched == ["a", "b", "all"]


def test_rejects_a_refresh_that_read_another_vm() -> None:
    vcenter = Vcenter(a=[IdentifiedVm("vm-2", "/DC0/vm/a", "poweredOn", template=False, marker=None)])

    with pytest.raises(RefusedError, match="Another virtual machine has this UUID"):
        identities(vcenter).after_refresh(state("a", "vm-1"), state("a", "vm-2"))


def test_rejects_a_vm_that_lost_its_uuid_during_the_refresh() -> None:
    vcenter = Vcenter(a=[IdentifiedVm("vm-1", "/DC0/vm/a", "poweredOn", template=False, marker=None)])

    with pytest.raises(RefusedError, match="Another virtual machine was read"):
        identities(vcenter).after_refresh(state("a", "vm-1"), state("a", "vm-2"))


def test_rejects_refreshes_and_changes_if_two_vms_have_the_uuid() -> None:
    vcenter = Vcenter(a=[CLONE, COPY])
    compared = identities(vcenter)

    with pytest.raises(RefusedError, match="not unique"):
        compared.before_refresh("the clone", "a")
    with pytest.raises(RefusedError, match="not unique"):
        compared.before_change(state("a", "vm-7"))
    with pytest.raises(RefusedError, match="not unique"):
        compared.require_unique_uuid("the pin", "a")


def test_searches_the_uuid_before_each_change() -> None:
    vcenter = Vcenter(a=[vm()])
    compared = identities(vcenter)

    compared.before_change(state_with(uuid="a"))
    compared.before_change(state_with(uuid="a"))

    assert vcenter.searched == ["a", "a"]


def test_does_not_repeat_a_failed_read_of_all_uuids() -> None:
    class Failing(Vcenter):
        def moids_by_uuid(self) -> Mapping[str, Sequence[str]]:
            self.searched.append("all")
            raise VcenterError("no")

    vcenter = Failing(**{name: [vm()] for name in "ab"})
    compared = identities(vcenter)
    for name in "ab":
        compared.before_refresh(name, name)

    for name in "cd":
        with pytest.raises(VcenterError, match="no"):
            compared.before_refresh(name, name)

    assert vcenter.searched == ["a", "b", "all"]


def test_rejects_a_refresh_if_no_vm_has_the_uuid_any_more() -> None:
    with pytest.raises(RefusedError, match="Another virtual machine was read"):
        identities(Vcenter()).after_refresh(state("a", "vm-1"), state("a", "vm-2"))
