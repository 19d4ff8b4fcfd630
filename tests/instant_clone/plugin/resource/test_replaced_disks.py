# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from typing import Any

import msgpack
import pytest

from instant_clone.plugin.resource.device_matching import NamedOrphans, name_orphans, pair_disks
from instant_clone.plugin.wire.values import Config, Plan, State

UNKNOWN = msgpack.ExtType(0, b"")


def disk(label: str, unit: int, uuid: str = "old", **others: Any) -> dict[str, Any]:
    base = {"label": label, "unit_number": unit, "controller_type": "scsi", "uuid": uuid, "size": 16}
    return base | {"keep_on_remove": False, "attach": False, "path": f"{uuid}.vmdk"} | others


def orphan(number: int, unit: int, **others: Any) -> dict[str, Any]:
    return disk(f"orphaned_disk_{number}", unit, "new", keep_on_remove=True, **others)


def vm(*disks: dict[str, Any]) -> State:
    return State({"name": "web-0", "disk": list(disks)})


def test_a_disk_at_the_place_of_another_gets_its_label_and_what_is_kept() -> None:
    before = vm(disk("disk0", 0), disk("data", 1, keep_on_remove=True))

    paired = pair_disks(vm(orphan(0, 0), orphan(1, 1)), before)

    assert paired.state == vm(disk("disk0", 0, "new"), disk("data", 1, "new", keep_on_remove=True))
    assert [(each.severity, each.summary) for each in paired.diagnostics] == [(2, "Disk is another one")] * 2
    assert paired.diagnostics[0].detail.startswith(
        "web-0: disk0 (scsi unit 0, 16 GiB) has the UUID new and the file new.vmdk; the state has old and old.vmdk. "
    )


def test_disks_that_are_the_same_ones_are_left_alone() -> None:
    state = vm(disk("disk0", 0), disk("disk1", 1))

    paired = pair_disks(state, state)

    assert (paired.state, paired.diagnostics) == (state, ())


def test_a_disk_at_a_place_of_its_own_stays_an_orphan() -> None:
    state = vm(disk("disk0", 0), orphan(0, 3))

    paired = pair_disks(state, vm(disk("disk0", 0)))

    assert (paired.state, paired.diagnostics) == (state, ())


@pytest.mark.parametrize("label", ["<deleted>", "<remove, keep disk>"])
def test_a_disk_that_the_plan_takes_from_the_vm_is_not_missed(label: str) -> None:
    planned = Plan(vm(disk("disk0", 0), disk(label, 1)))

    paired = pair_disks(vm(disk("disk0", 0)), planned)
    another = pair_disks(vm(disk("disk0", 0), orphan(0, 1)), planned)

    assert paired.diagnostics == another.diagnostics == ()
    assert [each["label"] for each in another.state["disk"]] == ["disk0", "orphaned_disk_0"]


def test_a_disk_that_is_gone_is_missed() -> None:
    paired = pair_disks(vm(disk("disk0", 0)), vm(disk("disk0", 0), disk("disk1", 1), orphan(0, 2)))

    assert [each.summary for each in paired.diagnostics] == ["Disk is missing"]
    assert "has no disk disk1 (scsi unit 1, 16 GiB) any more" in paired.diagnostics[0].detail


def test_an_orphan_that_was_one_before_is_nothing_new() -> None:
    state = vm(orphan(1, 4))

    paired = pair_disks(state, vm(orphan(0, 4)))

    assert (paired.state, paired.diagnostics) == (state, ())


def test_a_vm_without_disks_stays_one() -> None:
    state = State({"name": "web-0", "disk": None})

    assert pair_disks(state, State({"disk": None})).state == {"name": "web-0", "disk": None}


def test_an_orphan_is_called_as_the_configuration_calls_its_place() -> None:
    words = Config({"disk": [disk("disk0", 0), disk("data", 3, keep_on_remove=True)]})

    named = name_orphans(vm(disk("disk0", 0), orphan(0, 3), orphan(1, 5)), words)

    assert named.state == vm(disk("disk0", 0), disk("data", 3, "new", keep_on_remove=True), orphan(1, 5))
    assert named.without == ("scsi unit 5, 16 GiB",)
    assert [(each.severity, each.summary) for each in named.warnings] == [(2, "Disk is adopted")]
    assert "with the UUID new and the file new.vmdk. No empty disk is added. It outlives the clone" in (
        named.warnings[0].detail
    )


@pytest.mark.parametrize("words", [{"disk": UNKNOWN}, {"disk": [disk("data", 3), UNKNOWN]}, {}, {"disk": None}])
def test_places_that_are_not_known_yet_say_nothing_of_an_orphan(words: Config) -> None:
    prior = vm(orphan(0, 3))

    assert name_orphans(prior, words) == NamedOrphans(prior)


def test_only_orphans_are_renamed() -> None:
    prior = vm(disk("disk0", 0))

    assert name_orphans(prior, Config({"disk": [disk("other", 0)]})) == NamedOrphans(prior)


@pytest.mark.parametrize("label", ["<deleted>", "<remove, keep disk>"])
def test_a_disk_that_the_plan_took_away_is_not_missed(label: str) -> None:
    planned = Plan(vm(disk("disk0", 0), disk(label, 1), disk("new", 2, uuid=UNKNOWN)))

    paired = pair_disks(vm(disk("disk0", 0), orphan(0, 1)), planned)

    assert (paired.state, paired.diagnostics) == (vm(disk("disk0", 0), orphan(0, 1)), ())
