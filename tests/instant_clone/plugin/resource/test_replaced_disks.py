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


def test_gives_a_replaced_disk_the_label_and_settings_of_the_old_disk() -> None:
    before = vm(disk("disk0", 0), disk("data", 1, keep_on_remove=True))

    paired = pair_disks(vm(orphan(0, 0), orphan(1, 1)), before)

    assert paired.state == vm(disk("disk0", 0, "new"), disk("data", 1, "new", keep_on_remove=True))
    assert [(each.severity, each.summary) for each in paired.diagnostics] == [(2, "Disk was replaced")] * 2
    assert paired.diagnostics[0].detail.startswith(
        "web-0: disk0 (scsi unit 0, 16 GiB) has the UUID new and the file new.vmdk, but the state has old and "
        "old.vmdk. "
    )


def test_does_not_change_disks_that_were_not_replaced() -> None:
    state = vm(disk("disk0", 0), disk("disk1", 1))

    paired = pair_disks(state, state)

    assert (paired.state, paired.diagnostics) == (state, ())


def test_keeps_an_orphan_at_another_unit() -> None:
    state = vm(disk("disk0", 0), orphan(0, 3))

    paired = pair_disks(state, vm(disk("disk0", 0)))

    assert (paired.state, paired.diagnostics) == (state, ())


@pytest.mark.parametrize("label", ["<deleted>", "<remove, keep disk>"])
def test_does_not_warn_of_a_disk_that_the_plan_removes(label: str) -> None:
    planned = Plan(vm(disk("disk0", 0), disk(label, 1)))

    paired = pair_disks(vm(disk("disk0", 0)), planned)
    another = pair_disks(vm(disk("disk0", 0), orphan(0, 1)), planned)

    assert paired.diagnostics == another.diagnostics == ()
    assert [each["label"] for each in another.state["disk"]] == ["disk0", "orphaned_disk_0"]


def test_warns_of_a_missing_disk() -> None:
    paired = pair_disks(vm(disk("disk0", 0)), vm(disk("disk0", 0), disk("disk1", 1), orphan(0, 2)))

    assert [each.summary for each in paired.diagnostics] == ["Disk is missing"]
    assert "no longer has the disk disk1 (scsi unit 1, 16 GiB)" in paired.diagnostics[0].detail


def test_does_not_warn_of_an_orphan_of_the_prior_state() -> None:
    state = vm(orphan(1, 4))

    paired = pair_disks(state, vm(orphan(0, 4)))

    assert (paired.state, paired.diagnostics) == (state, ())


def test_accepts_a_vm_without_disks() -> None:
    state = State({"name": "web-0", "disk": None})

    assert pair_disks(state, State({"disk": None})).state == {"name": "web-0", "disk": None}


def test_gives_an_orphan_the_label_of_the_disk_block_at_its_unit() -> None:
    config = Config({"disk": [disk("disk0", 0), disk("data", 3, keep_on_remove=True)]})

    named = name_orphans(vm(disk("disk0", 0), orphan(0, 3), orphan(1, 5)), config)

    assert named.state == vm(disk("disk0", 0), disk("data", 3, "new", keep_on_remove=True), orphan(1, 5))
    assert named.without == ("scsi unit 5, 16 GiB",)
    assert [(each.severity, each.summary) for each in named.warnings] == [(2, "Existing disk adopted")]
    assert (
        "with the UUID new and the file new.vmdk. The apply adopts this disk and adds no empty disk. keep_on_remove is "
        "true, so a destroy of the clone keeps the disk."
    ) in named.warnings[0].detail


@pytest.mark.parametrize("config", [{"disk": UNKNOWN}, {"disk": [disk("data", 3), UNKNOWN]}, {}, {"disk": None}])
def test_does_not_change_orphans_if_a_unit_is_unknown(config: Config) -> None:
    prior = vm(orphan(0, 3))

    assert name_orphans(prior, config) == NamedOrphans(prior)


def test_does_not_rename_other_disks() -> None:
    prior = vm(disk("disk0", 0))

    assert name_orphans(prior, Config({"disk": [disk("other", 0)]})) == NamedOrphans(prior)


@pytest.mark.parametrize("label", ["<deleted>", "<remove, keep disk>"])
def test_does_not_warn_of_a_disk_that_the_applied_plan_removed(label: str) -> None:
    planned = Plan(vm(disk("disk0", 0), disk(label, 1), disk("new", 2, uuid=UNKNOWN)))

    paired = pair_disks(vm(disk("disk0", 0), orphan(0, 1)), planned)

    assert (paired.state, paired.diagnostics) == (vm(disk("disk0", 0), orphan(0, 1)), ())
