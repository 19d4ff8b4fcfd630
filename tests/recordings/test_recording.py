# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgpack
import pytest

from instant_clone.plugin.wire.codec import pack, unpack
from instant_clone.plugin.wire.schema import add_block
from instant_clone.plugin.wire.tfplugin5 import (
    AttributePath,
    Block,
    Diagnostic,
    GetSchemaResponse,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
    Schema,
    Step,
)
from instant_clone.stock_provider.names import INSTANTCLONE, VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import ProviderVersion
from testkit.in_process import only_resource
from tests.recordings.identifiers import Identifiers
from tests.recordings.messages import as_json, as_message
from tests.recordings.recording import RELEASES, Call, NotRecordedError, Recording, Replay, folder_of

UNKNOWN = msgpack.ExtType(0, b"\0")


class Names(Identifiers):
    """Identifiers of a vCenter in which vm-2 is the clone. The clone has a name after look_at()."""

    def __init__(self) -> None:
        self.looked = False

    def look_at(self, inventory_path: str) -> None:
        self.looked = inventory_path == "/DC0/vm/clone"

    def named(self, value: Any) -> Any:
        return json.loads(json.dumps(value).replace("vm-2", "<clone>")) if self.looked else value

    def identified(self, value: Any) -> Any:
        return json.loads(json.dumps(value).replace("<clone>", "vm-2")) if self.looked else value


def replay(*calls: Call) -> Replay:
    return Replay(Recording(Schema(), list(calls)), Names())


def read(machine: str, **others: object) -> bytes:
    return ReadRequest(type_name=VIRTUAL_MACHINE, current_state=pack({"id": machine, **others})).SerializeToString()


READ = Call(
    "ReadResource",
    {"type_name": VIRTUAL_MACHINE, "current_state": {"id": "vm-1", "memory": 4096}},
    [{"new_state": {"id": "vm-1", "memory": 4096}}, {"new_state": {"id": "vm-1", "memory": 8192}}],
)


def test_message_survives_conversion_to_json() -> None:
    message = PlanResponse(
        planned_state=pack({"id": UNKNOWN, "disk": [{"size": 16, "label": None}]}),
        requires_replace=[AttributePath(steps=[Step(attribute_name="disk"), Step(element_key_int=0)])],
        planned_private=b'{"schema_version":"3"}',
        diagnostics=[Diagnostic(severity=2, summary="Odd")],
        legacy_type_system=True,
    )

    as_text = json.dumps(as_json(message))

    assert as_message(PlanResponse, json.loads(as_text)) == message
    assert '"id": {"unknown": true}' in as_text


def test_replays_responses_in_order_and_repeats_the_last_one() -> None:
    stock = replay(READ)

    answers = [
        unpack(ReadResponse.FromString(stock.answer("ReadResource", read("vm-1", memory=4096))).new_state)["memory"]
        for _ in range(3)
    ]

    assert answers == [4096, 8192, 8192]


def test_requests_with_null_and_with_omitted_fields_are_equal() -> None:
    request = ReadRequest.FromString(read("vm-1", memory=4096))
    request.provider_meta.CopyFrom(pack(None))

    assert replay(READ).answer("ReadResource", request.SerializeToString()) != b""


def test_unrecorded_request_raises_an_error_with_the_differences() -> None:
    with pytest.raises(NotRecordedError) as raised:
        replay(READ).answer("ReadResource", read("vm-1", memory=1024))

    assert str(raised.value).splitlines() == [
        "ReadResource: the request is not recorded. Differences from the most similar recorded request:",
        "  current_state.memory: recorded 4096, requested 1024",
        "If the new request is correct, record the release again. See tests/recordings/README.md.",
    ]


def test_unrecorded_method_raises_an_error() -> None:
    with pytest.raises(NotRecordedError, match="PlanResourceChange: no request is recorded"):
        replay(READ).answer("PlanResourceChange", PlanRequest(type_name=VIRTUAL_MACHINE).SerializeToString())


def test_import_replays_for_a_clone_created_after_the_start() -> None:
    imported = Call(
        "ImportResourceState",
        {"type_name": VIRTUAL_MACHINE, "id": "/DC0/vm/clone"},
        [{"imported_resources": [{"type_name": VIRTUAL_MACHINE, "state": {"id": "<clone>"}}]}],
    )
    request = ImportRequest(type_name=VIRTUAL_MACHINE, id="/DC0/vm/clone").SerializeToString()

    answer = ImportResponse.FromString(replay(imported).answer("ImportResourceState", request))

    assert unpack(answer.imported_resources[0].state) == {"id": "vm-2"}


def test_saved_bytes_do_not_depend_on_the_order_of_calls(tmp_path: Path) -> None:
    other = Call("ReadResource", {"type_name": VIRTUAL_MACHINE}, [{}])
    one, two = tmp_path / "one", tmp_path / "two"

    Recording(Schema(), [READ, other]).save(one)
    Recording(Schema(), [other, READ]).save(two)

    assert [path.read_bytes() for path in sorted(one.iterdir())] == [
        path.read_bytes() for path in sorted(two.iterdir())
    ]
    assert [call.asked for call in Recording.load(one).calls] == [READ.asked, other.asked]


@pytest.fixture(scope="module", params=RELEASES, ids=str)
def release(request: pytest.FixtureRequest) -> ProviderVersion:
    found: ProviderVersion = request.param
    return found


@pytest.fixture(scope="module")
def recording(release: ProviderVersion) -> Recording:
    return Recording.load(folder_of(release))


def test_recording_contains_no_machine_specific_values(recording: Recording, release: ProviderVersion) -> None:
    text = json.dumps([vars(call) for call in recording.calls]) + (folder_of(release) / "schema.json").read_text()

    # These are paths, object ids, times, and IP addresses other than those of the simulator's guests.
    assert re.findall(r'"(/(?!DC0/)[^"]*)"', text) == []
    assert re.findall(r'"((?:vm|host|group|resgroup|domain-c|datastore|dvportgroup|network)-[0-9]+)"', text) == []
    assert re.findall(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T", text) == []
    assert re.findall(r"\b(?!10\.20\.)[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\b", text) == []
    assert "description" not in text


def test_recording_is_small(release: ProviderVersion) -> None:
    assert sum(path.stat().st_size for path in folder_of(release).iterdir()) < 200_000


def arguments(block: Block) -> set[str]:
    nested = {f"{each.type_name}.{name}" for each in block.block_types for name in arguments(each.block)}
    return {each.name for each in block.attributes} | {each.type_name for each in block.block_types} | nested


def test_all_blocks_of_the_schema_are_lists(recording: Recording) -> None:
    def nestings(block: Block) -> set[int]:
        return {each.nesting for each in block.block_types}.union(*(nestings(each.block) for each in block.block_types))

    assert nestings(recording.schema.block) == {2}


def test_adds_the_instantclone_block_to_the_schema(recording: Recording) -> None:
    schemas = GetSchemaResponse.FromString(only_resource(VIRTUAL_MACHINE, recording.schema))

    add_block(schemas)

    assert list(schemas.diagnostics) == []
    assert arguments(schemas.resource_schemas[0].value.block) - arguments(recording.schema.block) == {
        INSTANTCLONE,
        f"{INSTANTCLONE}.source_uuid",
        f"{INSTANTCLONE}.timeout",
        f"{INSTANTCLONE}.on_reboot",
    }
