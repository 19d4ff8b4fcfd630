# SPDX-License-Identifier: MPL-2.0
"""Tests of records: writing, reading and refusals."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from instant_clone.errors import RecordError
from instant_clone.vm import record
from instant_clone.vm.differences import Difference
from instant_clone.vm.record import blocking_differences, differences, listed
from instant_clone.vm.source_vm import (
    Allocation,
    Boot,
    Cpu,
    Disk,
    Flags,
    Memory,
    Numa,
    OtherDevice,
    SourceVm,
    Tools,
    Vcenter,
)

CURE = "Run `instant-clone record` to read the source from vCenter and write the record."

SMALL = SourceVm(
    vcenter=Vcenter(instance_uuid="50de", sync_time_split=True),
    name="grün",
    inventory_path="/DC0/vm/grün",
    uuid="564d",
    instance_uuid="5001",
    template=False,
    guest_id="otherGuest",
    hardware_version=19,
    cpu=Cpu(count=1, cores_per_socket=1, allocation=Allocation(limit=-1)),
    numa=Numa(),
    memory=Memory(size_mb=1024, allocation=Allocation()),
    boot=Boot(firmware="bios", delay=0),
    flags=Flags(logging_enabled=True),
    tools=Tools(),
    controllers=(),
    disks=(Disk(controller="scsi", bus=0, unit=0, capacity=1, backing="FlatVer2BackingInfo", io=Allocation()),),
    nics=(),
    cdroms=(),
    vapp_property_ids=("b", "a"),
)

TEXT = """\
{
  "schema": 1,
  "source": {
    "boot": {
      "delay": 0,
      "firmware": "bios"
    },
    "cdroms": [],
    "controllers": [],
    "cpu": {
      "allocation": {
        "limit": -1
      },
      "cores_per_socket": 1,
      "count": 1
    },
    "disks": [
      {
        "backing": "FlatVer2BackingInfo",
        "bus": 0,
        "capacity": 1,
        "controller": "scsi",
        "io": {},
        "unit": 0
      }
    ],
    "flags": {
      "logging_enabled": true
    },
    "guest_id": "otherGuest",
    "hardware_version": 19,
    "instance_uuid": "5001",
    "inventory_path": "/DC0/vm/grün",
    "memory": {
      "allocation": {},
      "size_mb": 1024
    },
    "name": "grün",
    "nics": [],
    "numa": {},
    "pci_passthrough_count": 0,
    "template": false,
    "tools": {},
    "tpm_count": 0,
    "uuid": "564d",
    "vapp_property_ids": [
      "b",
      "a"
    ],
    "vapp_transport": [],
    "vcenter": {
      "instance_uuid": "50de",
      "sync_time_split": true
    }
  }
}
"""


def test_dump_is_sorted_json_without_unset_properties() -> None:
    assert record.dump(SMALL) == TEXT


def test_load_returns_the_saved_source(tmp_path: Path) -> None:
    path = tmp_path / "sources" / "web.json"
    record.save(SMALL, path)
    assert path.read_bytes() == TEXT.encode()
    assert record.load(path) == SMALL


def test_save_replaces_the_record_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    path.write_text("old")
    record.save(SMALL, path)
    assert [each.name for each in tmp_path.iterdir()] == ["web.json"]
    assert path.read_bytes() == TEXT.encode()


def test_record_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        record.save(SMALL, tmp_path / "web.json")
    finally:
        os.umask(before)
    assert (tmp_path / "web.json").stat().st_mode & 0o777 == 0o644


def test_failed_save_keeps_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "web.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError) as caught:
        record.save(SMALL, path)
    assert str(caught.value) == (
        f"{path}: the record cannot be written: No space left on device. Make its folder writable."
    )
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"web.json": "old"}


def test_save_rejects_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("")
    path = tmp_path / "sources" / "web.json"
    with pytest.raises(RecordError) as caught:
        record.save(SMALL, path)
    assert str(caught.value) == f"{path}: the record cannot be written: File exists. Make its folder writable."


def test_load_of_a_missing_record_names_the_command(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert str(caught.value) == f"{path}: the record does not exist. {CURE}"


def test_load_rejects_an_unreadable_record(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        record.load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: the record cannot be read: Is a directory."


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_load_rejects_text_that_is_not_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "web.json"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert str(caught.value).startswith(f"{path}: the record is not JSON: ")
    assert str(caught.value).endswith(CURE)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ([], "the file is not a record of a source."),
        ({"source": {}}, "the file is not a record of a source."),
        ({"schema": 2}, "the record has schema 2; this release of instant-clone reads schema 1."),
        ({"schema": "1"}, "the record has schema '1'; this release of instant-clone reads schema 1."),
        ({"schema": True}, "the record has schema True; this release of instant-clone reads schema 1."),
        ({"schema": 1}, 'a record has exactly the keys "schema" and "source".'),
        ({"schema": 1, "source": {}, "x": 1}, 'a record has exactly the keys "schema" and "source".'),
    ],
)
def test_load_rejects_another_document(tmp_path: Path, document: Any, what: str) -> None:
    path = tmp_path / "web.json"
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert str(caught.value) == f"{path}: {what} {CURE}"


def test_load_reports_all_wrong_fields_in_one_error(tmp_path: Path) -> None:
    document = json.loads(TEXT)
    del document["source"]["uuid"]
    document["source"]["disks"][0]["unit"] = "0"
    document["source"]["colour"] = "red"
    path = tmp_path / "web.json"
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert sorted(str(caught.value).splitlines()) == [
        f"{path}: source.colour: Extra inputs are not permitted. {CURE}",
        f"{path}: source.disks.0.unit: Input should be a valid integer. {CURE}",
        f"{path}: source.uuid: Field required. {CURE}",
    ]


def test_save_and_load_reject_a_path_with_a_null_byte(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="the record cannot be written: embedded null byte"):
        record.save(SMALL, tmp_path / "a\0b.json")
    with pytest.raises(RecordError, match="embedded null byte"):
        record.load(tmp_path / "a\0b.json")


def test_is_there_returns_true_for_an_unreadable_record(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text("")
    assert record.is_there(tmp_path / "web.json")
    assert not record.is_there(tmp_path / "other.json")
    assert not record.is_there(tmp_path / "web.json" / "other.json")
    assert record.is_there(tmp_path / ("a" * 300))


def test_differences_have_the_path_of_the_property() -> None:
    other = SMALL.model_copy(
        update={
            "annotation": "new",
            "cpu": Cpu(count=2, cores_per_socket=1, allocation=Allocation()),
            "disks": (),
            "numa": None,
            "vapp_property_ids": ("b", "c"),
        }
    )
    assert differences(SMALL, other) == (
        Difference("annotation", None, "new"),
        Difference("cpu.allocation.limit", -1, None),
        Difference("cpu.count", 1, 2),
        Difference(
            "disks[0]",
            {"controller": "scsi", "bus": 0, "unit": 0, "capacity": 1, "backing": "FlatVer2BackingInfo", "io": {}},
            None,
        ),
        Difference("numa", {}, None),
        Difference("vapp_property_ids[1]", "a", "c"),
    )


def test_equal_records_have_no_differences() -> None:
    assert differences(SMALL, SMALL.model_copy(deep=True)) == ()


PORT = OtherDevice(type="VirtualSerialPort", label="Serial port 1", backing="FileBackingInfo")
NEWER = SMALL.model_copy(
    update={
        "other_devices": (PORT,),
        "standalone_host": True,
        "disks": (SMALL.disks[0].model_copy(update={"first_class": True}),),
    }
)


def test_newer_fields_are_saved_and_loaded(tmp_path: Path) -> None:
    record.save(NEWER, tmp_path / "web.json")
    assert record.load(tmp_path / "web.json") == NEWER


def test_missing_newer_fields_are_differences_but_do_not_block() -> None:
    assert [each.path for each in differences(SMALL, NEWER)] == [
        "disks[0].first_class",
        "other_devices",
        "standalone_host",
    ]
    assert blocking_differences(SMALL, NEWER) == ()


def test_other_differences_and_changes_of_recorded_newer_fields_block() -> None:
    assert blocking_differences(SMALL, NEWER.model_copy(update={"annotation": "new", "disks": ()})) == (
        Difference("annotation", None, "new"),
        Difference(
            "disks[0]",
            {"controller": "scsi", "bus": 0, "unit": 0, "capacity": 1, "backing": "FlatVer2BackingInfo", "io": {}},
            None,
        ),
    )
    renamed = (PORT.model_copy(update={"label": "Serial port 2"}),)
    assert blocking_differences(NEWER, NEWER.model_copy(update={"other_devices": renamed})) == (
        Difference("other_devices[0].label", "Serial port 1", "Serial port 2"),
    )
    assert blocking_differences(NEWER, NEWER.model_copy(update={"standalone_host": None})) == (
        Difference("standalone_host", True, None),
    )


def test_listed_has_one_line_per_difference() -> None:
    found = (Difference("cpu.count", 1, 2), Difference("annotation", "long " * 20, None))
    assert listed(found) == (
        "  cpu.count: 1 → 2\n"
        '  annotation: "long long long long long long long long long long long long long long… → unset'
    )


def test_listed_has_at_most_twenty_differences() -> None:
    lines = listed([Difference(f"p{number}", number, None) for number in range(25)]).splitlines()
    assert (lines[0], lines[19], lines[20:]) == ("  p0: 0 → unset", "  p19: 19 → unset", ["  and 5 more"])
