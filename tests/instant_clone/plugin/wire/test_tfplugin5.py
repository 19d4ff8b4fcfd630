# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from instant_clone.plugin.wire import tfplugin5 as messages
from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    AttributePath,
    DynamicValue,
    PlanRequest,
    PlanResponse,
    Step,
)

SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_INT64: "int",
    FieldDescriptor.TYPE_STRING: "str",
}


def _classes() -> dict[str, type[Message]]:
    return {
        name: value
        for name, value in vars(messages).items()
        if isinstance(value, type) and issubclass(value, Message) and not name.startswith("_")
    }


def _types_by_stub() -> dict[str, dict[str, str]]:
    tree = ast.parse(Path(str(messages.__file__)).with_suffix(".pyi").read_text())
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        fields = {}
        for member in node.body:
            if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                fields[member.target.id] = ast.unparse(member.annotation)
            elif isinstance(member, ast.FunctionDef) and member.name != "__init__":
                assert member.returns is not None
                fields[member.name] = ast.unparse(member.returns)
        found[node.name] = fields
    return found


def _type_of(field: Any) -> str:
    name = SCALARS.get(field.type) or field.message_type.name
    return f"RepeatedCompositeFieldContainer[{name}]" if field.is_repeated else name


def test_the_stub_has_the_fields_and_types_of_the_table() -> None:
    built = {
        name: {field.name: _type_of(field) for field in message.DESCRIPTOR.fields}
        for name, message in _classes().items()
    }

    assert _types_by_stub() == built


def test_every_constructor_in_the_stub_has_all_fields() -> None:
    tree = ast.parse(Path(str(messages.__file__)).with_suffix(".pyi").read_text())
    taken = {
        node.name: [argument.arg for argument in member.args.kwonlyargs]
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for member in node.body
        if isinstance(member, ast.FunctionDef) and member.name == "__init__"
    }

    assert taken == {name: [field.name for field in message.DESCRIPTOR.fields] for name, message in _classes().items()}


@pytest.mark.parametrize("message", _classes().values(), ids=_classes().keys())
def test_keeps_fields_of_newer_protocols(message: type[Message]) -> None:
    # Field 99 holds bytes, field 98 a number. No message of the table has these fields.
    unknown = bytes([0xF2 | 0x08, 0x06, 0x03]) + b"new" + bytes([0x90, 0x06, 0x07])

    assert message.FromString(unknown).SerializeToString() == unknown


def test_keeps_an_unknown_field_when_another_field_changes() -> None:
    capabilities = bytes([0x3A, 0x02, 0x08, 0x01])  # PlanResourceChange.Request.client_capabilities, field 7
    request = PlanRequest.FromString(PlanRequest(type_name="a").SerializeToString() + capabilities)

    request.prior_state.CopyFrom(DynamicValue(msgpack=b"\xc0"))

    assert request.SerializeToString().endswith(capabilities)


def test_encodes_fields_with_terraforms_numbers() -> None:
    state = DynamicValue(msgpack=b"\xc0")

    assert ApplyRequest(type_name="a", planned_private=b"p").SerializeToString() == b"\x0a\x01a\x2a\x01p"
    assert (
        PlanResponse(planned_state=state, legacy_type_system=True).SerializeToString()
        == b"\x0a\x03\x0a\x01\xc0\x28\x01"
    )


def test_encodes_a_step_with_index_0() -> None:
    path = AttributePath(steps=[Step(element_key_int=0)])

    assert path.SerializeToString() == b"\x0a\x02\x18\x00"
