# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.plugin.resource.state_reconciliation import Aligned, align, with_fixed_values
from instant_clone.plugin.wire.values import Config, Plan, State

UNKNOWN = msgpack.ExtType(0, b"")
SCSI_0: dict[str, Any] = {
    "label": "Hard disk 1",
    "controller_type": "scsi",
    "unit_number": 0,
    "size": 16,
    "keep_on_remove": True,
    "thin_provisioned": True,
    "eagerly_scrub": False,
    "write_through": False,
    "key": 2000,
}
SCSI_1 = SCSI_0 | {"label": "Hard disk 2", "unit_number": 1, "size": 8, "key": 2001}
SATA_0 = SCSI_0 | {"label": "Hard disk 3", "controller_type": "sata", "size": 4, "key": 15000}
STATE = State(
    {
        "name": "web",
        "imported": True,
        "disk": [SCSI_0, SCSI_1],
        "extra_config": None,
        "shutdown_wait_timeout": 3,
        "wait_for_guest_net_timeout": None,
        "vtpm": [],
    }
)


def _state(**changes: Any) -> State:
    return State({**STATE, **changes})


def _align(
    state: State, config: Mapping[str, Any], *, extra_config: dict[str, str] | None = None, tpm_count: int = 0
) -> Aligned:
    return align(state, Config(config), extra_config=extra_config or {}, tpm_count=tpm_count)


def _configured(label: str, **others: Any) -> dict[str, Any]:
    return {"label": label, "controller_type": None, "unit_number": None, "keep_on_remove": None, **others}


BOTH = [_configured("disk0"), _configured("disk1", unit_number=1)]


def test_sets_imported_to_false() -> None:
    assert _align(STATE, {"disk": BOTH}).state["imported"] is False


def test_gives_disks_the_labels_of_the_blocks_at_their_units() -> None:
    aligned = _align(STATE, {"disk": [BOTH[1], BOTH[0]]})

    assert aligned.state["disk"] == [
        SCSI_0 | {"label": "disk0", "keep_on_remove": False},
        SCSI_1 | {"label": "disk1", "keep_on_remove": False},
    ]
    assert aligned.orphans == ()


def test_distinguishes_disks_by_controller() -> None:
    config = {"disk": [_configured("a"), _configured("b", controller_type="sata", unit_number=0)]}

    aligned = _align(_state(disk=[SATA_0, SCSI_0]), config)

    assert [disk["label"] for disk in aligned.state["disk"]] == ["b", "a"]


@pytest.mark.parametrize(("configured", "expected"), [(None, False), (False, False), (True, True)])
def test_takes_keep_on_remove_from_the_configuration(configured: bool | None, expected: bool) -> None:
    config = {"disk": [_configured("disk0", keep_on_remove=configured)]}

    assert _align(_state(disk=[SCSI_0]), config).state["disk"][0]["keep_on_remove"] is expected


def test_returns_disks_without_a_block_as_orphans() -> None:
    aligned = _align(_state(disk=[SCSI_0, SCSI_1, SATA_0]), {"disk": BOTH[:1]})

    assert aligned.orphans == ("scsi unit 1, 8 GiB (Hard disk 2)", "sata unit 0, 4 GiB (Hard disk 3)")
    assert aligned.state["disk"][1:] == [SCSI_1, SATA_0]


def test_does_not_add_configured_disks_that_the_vm_lacks() -> None:
    aligned = _align(_state(disk=[SCSI_0]), {"disk": BOTH})

    assert aligned.orphans == ()
    assert [disk["label"] for disk in aligned.state["disk"]] == ["disk0"]


@pytest.mark.parametrize(
    "disks",
    [
        [UNKNOWN],
        [BOTH[0], _configured("disk1", unit_number=UNKNOWN)],
        [BOTH[0], _configured("disk1", controller_type=UNKNOWN, unit_number=1)],
    ],
)
def test_does_not_change_disks_if_a_unit_is_unknown(disks: list[Any]) -> None:
    aligned = _align(STATE, {"disk": disks})

    assert (aligned.state["disk"], aligned.orphans) == ([SCSI_0, SCSI_1], ())


def test_extra_config_has_the_configured_keys_with_the_values_of_the_vm() -> None:
    config = {"disk": BOTH, "extra_config": {"guestinfo.a": "1", "guestinfo.b": "2", "guestinfo.c": "3"}}

    aligned = _align(STATE, config, extra_config={"guestinfo.a": "1", "guestinfo.b": "other", "svga.present": "TRUE"})

    assert aligned.state["extra_config"] == {"guestinfo.a": "1", "guestinfo.b": "other"}


def test_extra_config_is_null_if_the_vm_has_no_configured_key() -> None:
    assert _align(STATE, {"disk": BOTH, "extra_config": {"a": "1"}}).state["extra_config"] is None


@pytest.mark.parametrize("wanted", [None, UNKNOWN])
def test_keeps_extra_config_if_it_is_not_configured(wanted: object) -> None:
    state = _state(extra_config={"b": "2"})

    aligned = _align(state, {"disk": BOTH, "extra_config": wanted}, extra_config={"a": "1"})

    assert aligned.state["extra_config"] == {"b": "2"}


@pytest.mark.parametrize(
    "argument",
    [
        "extra_config_reboot_required",
        "force_power_off",
        "ignored_guest_ips",
        "migrate_wait_timeout",
        "poweron_timeout",
        "replace_trigger",
        "shutdown_wait_timeout",
        "wait_for_guest_ip_timeout",
        "wait_for_guest_net_routable",
        "wait_for_guest_net_timeout",
    ],
)
def test_takes_provider_settings_from_the_configuration(argument: str) -> None:
    assert _align(_state(**{argument: None}), {"disk": BOTH, argument: 7}).state[argument] == 7
    assert _align(_state(**{argument: 3}), {"disk": BOTH, argument: None}).state[argument] == 3


def test_does_not_add_arguments_that_the_release_lacks() -> None:
    state = State({key: value for key, value in STATE.items() if key != "vtpm"})

    aligned = _align(state, {"disk": BOTH, "extra_config_reboot_required": False}, tpm_count=1)

    assert aligned.state.keys() == state.keys()


@pytest.mark.parametrize(
    ("configured", "count", "expected"),
    [
        ([], 0, []),
        (None, 0, []),
        ([], 1, [{"version": "2.0"}]),
        ([{"version": "1.2"}], 1, [{"version": "1.2"}]),
        ([{"version": None}], 1, [{"version": "2.0"}]),
        ([{"version": "2.0"}], 0, []),
    ],
)
def test_returns_one_vtpm_block_per_tpm_of_the_vm(configured: object, count: int, expected: list[object]) -> None:
    assert _align(STATE, {"disk": BOTH, "vtpm": configured}, tpm_count=count).state["vtpm"] == expected


def test_takes_no_other_value_from_the_configuration() -> None:
    config = {"disk": [BOTH[0] | {"size": 99, "key": 1}, BOTH[1]], "name": "other", "num_cpus": 8, "memory": 1}

    aligned = _align(STATE, config).state

    assert aligned == _state(
        imported=False, disk=[SCSI_0 | {"label": "disk0", "keep_on_remove": False}, aligned["disk"][1]]
    )
    assert aligned["disk"][0]["size"] == 16


PLACES = st.tuples(st.sampled_from(["scsi", "sata", "nvme", "ide"]), st.integers(0, 3))


@st.composite
def _disks(draw: st.DrawFn) -> list[dict[str, Any]]:
    places = draw(st.lists(PLACES, unique=True, max_size=5))
    return [
        {
            "label": f"{draw(st.sampled_from(['disk', 'Hard disk ']))}{index}",
            "controller_type": controller,
            "unit_number": unit,
            "keep_on_remove": draw(st.booleans()),
            "size": draw(st.integers(1, 99)),
            "thin_provisioned": True,
            "eagerly_scrub": False,
            "write_through": False,
        }
        for index, (controller, unit) in enumerate(places)
    ]


KEYS = st.dictionaries(st.sampled_from("abc"), st.text(max_size=2), max_size=3)


@given(_disks(), _disks(), KEYS, KEYS, st.integers(0, 2), st.booleans())
def test_align_is_idempotent(
    disks: list[dict[str, Any]],
    configured: list[dict[str, Any]],
    wanted: dict[str, str],
    present: dict[str, str],
    tpm_count: int,
    imported: bool,
) -> None:
    state = _state(disk=disks, imported=imported)
    config = {"disk": configured, "extra_config": wanted, "vtpm": [{"version": "2.0"}], "shutdown_wait_timeout": 9}

    once = _align(state, config, extra_config=present, tpm_count=tpm_count)
    twice = _align(once.state, config, extra_config=present, tpm_count=tpm_count)

    assert twice == once
    changed = {key for key in state if state[key] != once.state[key]}
    assert changed <= {"imported", "disk", "extra_config", "shutdown_wait_timeout", "vtpm"}
    assert [{**disk, "label": "", "keep_on_remove": False} for disk in once.state["disk"]] == [
        {**disk, "label": "", "keep_on_remove": False} for disk in disks
    ]


def test_keeps_the_configured_size_if_the_vm_reports_it() -> None:
    config = Config({"disk": [BOTH[0] | {"size": 15}, BOTH[1] | {"size": 9}]})

    aligned = align(STATE, config, extra_config={}, tpm_count=0, disk_sizes={2000: {15, 16}, 2001: {8}})

    assert [disk["size"] for disk in aligned.state["disk"]] == [15, 8]


def test_keeps_the_configured_size_if_the_source_disk_has_it() -> None:
    config = Config({"disk": [BOTH[0] | {"size": 15}, BOTH[1] | {"size": 9}]})
    source = State({"disk": [SCSI_0 | {"size": 15}, SCSI_1]})

    aligned = align(STATE, config, extra_config={}, tpm_count=0, source=source)

    assert [disk["size"] for disk in aligned.state["disk"]] == [15, 8]


def test_sorts_interfaces_in_the_order_of_the_configuration() -> None:
    """The source of an imported VM is unknown, so the configuration alone determines the order of its interfaces."""
    cards = [{"key": 4001, "network_id": "b", "adapter_type": "e1000"}, {"key": 4000, "network_id": "a"}]
    cards[1]["adapter_type"] = "vmxnet3"
    configured = [{"network_id": "a"}, {"network_id": "b", "adapter_type": "e1000"}]
    state, config = _state(network_interface=cards), Config({"disk": BOTH, "network_interface": configured})

    imported = align(state, config, extra_config={}, tpm_count=0, source=State({}))

    assert imported.state["network_interface"] == [cards[1], cards[0]]
    assert _align(state, config).state["network_interface"] == cards


NOT_ASKED: Any = None
BEFORE = State(
    {
        "disk": [SCSI_0 | {"label": "disk0", "uuid": "a"}, SCSI_1 | {"label": "disk1", "uuid": "b"}],
        "network_interface": [{"key": 4001}, {"key": 4000}],
        "cdrom": [],
    }
)


def test_keeps_the_creation_settings_of_a_disk() -> None:
    unset = {"thin_provisioned": None, "eagerly_scrub": True, "write_through": True, "size": 0}
    read = State({"disk": [BEFORE["disk"][0] | unset, BEFORE["disk"][1]]})

    assert with_fixed_values(read, BEFORE, deltas=NOT_ASKED)["disk"] == BEFORE["disk"]


def test_keeps_the_size_of_delta_disks_only() -> None:
    read = State({"disk": [disk | {"size": disk["size"] + 1} for disk in BEFORE["disk"]]})

    kept = with_fixed_values(read, BEFORE, deltas=lambda: {"a"})

    assert [disk["size"] for disk in kept["disk"]] == [16, 9]


def test_does_not_change_a_new_disk() -> None:
    new = SCSI_1 | {"label": "orphaned_disk_0", "thin_provisioned": None, "uuid": "c"}

    assert with_fixed_values(State({"disk": [new]}), BEFORE, deltas=NOT_ASKED)["disk"] == [new]


def test_does_not_copy_unknown_values_of_a_plan() -> None:
    before = Plan({"disk": [BEFORE["disk"][0] | {"size": UNKNOWN, "thin_provisioned": UNKNOWN}]})
    read = State({"disk": [BEFORE["disk"][0]]})

    assert with_fixed_values(read, before, deltas=NOT_ASKED)["disk"] == [BEFORE["disk"][0]]


def test_keeps_the_order_of_devices() -> None:
    read = State({"network_interface": [{"key": 4000}, {"key": 4001}, {"key": 4002}], "cdrom": []})

    kept = with_fixed_values(read, BEFORE, deltas=NOT_ASKED)

    assert kept == {"network_interface": [{"key": 4001}, {"key": 4000}, {"key": 4002}], "cdrom": []}
    drives = [{"key": 3000}, {"key": 3002}]
    before = State({"cdrom": drives[::-1]})
    assert with_fixed_values(State({"cdrom": drives}), before, deltas=NOT_ASKED) == {"cdrom": drives[::-1]}


def test_replaces_unset_settings_with_defaults() -> None:
    unset = {"cpu_limit": None, "memory_share_level": None, "latency_sensitivity": None, "memory_limit": 512}

    aligned = _align(_state(**unset), {"disk": BOTH}).state

    assert {argument: aligned[argument] for argument in unset} == {
        "cpu_limit": -1,
        "memory_share_level": "normal",
        "latency_sensitivity": "normal",
        "memory_limit": 512,
    }
    assert with_fixed_values(_state(**unset), STATE, deltas=tuple)["cpu_limit"] == -1
    assert "cpu_limit" not in with_fixed_values(STATE, STATE, deltas=tuple)
