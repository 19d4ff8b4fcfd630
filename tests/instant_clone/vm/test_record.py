# SPDX-License-Identifier: MPL-2.0
"""Records: what is written, what is read, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from instant_clone.errors import RecordError
from instant_clone.vm import record
from instant_clone.vm.differences import Difference
from instant_clone.vm.record import differences, listed
from instant_clone.vm.source_vm import Allocation, Boot, Cpu, Disk, Flags, Memory, Numa, SourceVm, Tools, Vcenter

CURE = "Run `instant-clone record` to look the source up and write the record anew."

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


def test_a_record_is_sorted_json_without_what_is_unset() -> None:
    assert record.dump(SMALL) == TEXT


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "sources" / "web.json"
    record.save(SMALL, path)
    assert path.read_bytes() == TEXT.encode()
    assert record.load(path) == SMALL


def test_saving_replaces_a_record_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    path.write_text("old")
    record.save(SMALL, path)
    assert [each.name for each in tmp_path.iterdir()] == ["web.json"]
    assert path.read_bytes() == TEXT.encode()


def test_a_record_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        record.save(SMALL, tmp_path / "web.json")
    finally:
        os.umask(before)
    assert (tmp_path / "web.json").stat().st_mode & 0o777 == 0o644


def test_a_failed_save_keeps_the_old_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "web.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordError) as caught:
        record.save(SMALL, path)
    assert str(caught.value) == (
        f"{path}: the record cannot be written: No space left on device. See that its folder may be written."
    )
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"web.json": "old"}


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("")
    path = tmp_path / "sources" / "web.json"
    with pytest.raises(RecordError) as caught:
        record.save(SMALL, path)
    assert (
        str(caught.value) == f"{path}: the record cannot be written: File exists. See that its folder may be written."
    )


def test_a_missing_record_is_told_with_the_command_that_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert str(caught.value) == f"{path}: there is no such record. {CURE}"


def test_a_record_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        record.load(tmp_path)
    assert str(caught.value) == f"{tmp_path}: the record cannot be read: Is a directory."


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_a_record_that_is_not_json_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "web.json"
    path.write_bytes(content)
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert str(caught.value).startswith(f"{path}: the record is not JSON: ")
    assert str(caught.value).endswith(CURE)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ([], "this is no record of a source."),
        ({"source": {}}, "this is no record of a source."),
        ({"schema": 2}, "the record is of schema 2, and this release of instant-clone reads 1."),
        ({"schema": "1"}, "the record is of schema '1', and this release of instant-clone reads 1."),
        ({"schema": True}, "the record is of schema True, and this release of instant-clone reads 1."),
        ({"schema": 1}, 'a record has "schema" and "source", and nothing else.'),
        ({"schema": 1, "source": {}, "x": 1}, 'a record has "schema" and "source", and nothing else.'),
    ],
)
def test_a_document_of_another_form_is_told(tmp_path: Path, document: Any, what: str) -> None:
    path = tmp_path / "web.json"
    path.write_text(json.dumps(document))
    with pytest.raises(RecordError) as caught:
        record.load(path)
    assert str(caught.value) == f"{path}: {what} {CURE}"


def test_all_wrong_fields_are_told_at_once(tmp_path: Path) -> None:
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


def test_a_record_without_a_folder_that_can_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="the record cannot be written: embedded null byte"):
        record.save(SMALL, tmp_path / "a\0b.json")
    with pytest.raises(RecordError, match="embedded null byte"):
        record.load(tmp_path / "a\0b.json")


def test_there_is_a_record_also_if_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text("")
    assert record.is_there(tmp_path / "web.json")
    assert not record.is_there(tmp_path / "other.json")
    assert not record.is_there(tmp_path / "web.json" / "other.json")
    assert record.is_there(tmp_path / ("a" * 300))


def test_differences_are_told_by_the_propertys_path() -> None:
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


def test_there_are_no_differences_where_the_records_are_the_same() -> None:
    assert differences(SMALL, SMALL.model_copy(deep=True)) == ()


def test_differences_are_listed_for_a_person() -> None:
    found = (Difference("cpu.count", 1, 2), Difference("annotation", "long " * 20, None))
    assert listed(found) == (
        "  cpu.count: 1 → 2\n"
        '  annotation: "long long long long long long long long long long long long long long… → unset'
    )


def test_of_many_differences_the_first_twenty_are_listed() -> None:
    lines = listed([Difference(f"p{number}", number, None) for number in range(25)]).splitlines()
    assert (lines[0], lines[19], lines[20:]) == ("  p0: 0 → unset", "  p19: 19 → unset", ["  and 5 more"])
