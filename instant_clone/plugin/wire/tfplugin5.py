# SPDX-License-Identifier: MPL-2.0
"""The messages of Terraform's plugin protocol 5, limited to the fields that the plugin reads or writes.

The field numbers are those of Terraform's tfplugin5.proto. All other fields are forwarded unchanged, because protobuf
keeps unknown fields.

The classes are built from a table and not generated from the .proto file, for two reasons:

- The .proto file and its text belong to Terraform. This project would have to contain or download a copy.
- grpcio-tools generates code that depends on one release of protobuf.

Minor versions of the protocol add fields and change no field number. `tfplugin5.pyi` declares the types. A test
compares the stub with the table.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "instant_clone.tfplugin5"

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}

# message → {field: (number, type)}. A field whose type is in brackets is repeated. On the wire, an enumeration is an
# int64.
_MESSAGES: dict[str, dict[str, tuple[int, str | list[str]]]] = {
    "DynamicValue": {"msgpack": (1, "bytes"), "json": (2, "bytes")},
    "Step": {"attribute_name": (1, "string"), "element_key_string": (2, "string"), "element_key_int": (3, "int64")},
    "AttributePath": {"steps": (1, ["Step"])},
    "Diagnostic": {
        "severity": (1, "int64"),
        "summary": (2, "string"),
        "detail": (3, "string"),
        "attribute": (4, "AttributePath"),
    },
    "RawState": {"json": (1, "bytes")},
    "Attribute": {
        "name": (1, "string"),
        "type": (2, "bytes"),
        "description": (3, "string"),
        "required": (4, "bool"),
        "optional": (5, "bool"),
        "computed": (6, "bool"),
    },
    "Block": {"version": (1, "int64"), "attributes": (2, ["Attribute"]), "block_types": (3, ["NestedBlock"])},
    "NestedBlock": {
        "type_name": (1, "string"),
        "block": (2, "Block"),
        "nesting": (3, "int64"),
        "min_items": (4, "int64"),
        "max_items": (5, "int64"),
    },
    "Schema": {"version": (1, "int64"), "block": (2, "Block")},
    # On the wire, a protobuf map is a repeated message of key and value.
    "NamedSchema": {"key": (1, "string"), "value": (2, "Schema")},
    "GetSchemaResponse": {"resource_schemas": (2, ["NamedSchema"]), "diagnostics": (4, ["Diagnostic"])},
    "ConfigureRequest": {"terraform_version": (1, "string"), "config": (2, "DynamicValue")},
    "ConfigureResponse": {"diagnostics": (1, ["Diagnostic"])},
    "ValidateRequest": {"type_name": (1, "string"), "config": (2, "DynamicValue")},
    "ValidateResponse": {"diagnostics": (1, ["Diagnostic"])},
    "UpgradeRequest": {"type_name": (1, "string"), "version": (2, "int64"), "raw_state": (3, "RawState")},
    "UpgradeResponse": {"upgraded_state": (1, "DynamicValue"), "diagnostics": (2, ["Diagnostic"])},
    "ReadRequest": {
        "type_name": (1, "string"),
        "current_state": (2, "DynamicValue"),
        "private": (3, "bytes"),
        "provider_meta": (4, "DynamicValue"),
    },
    "ReadResponse": {
        "new_state": (1, "DynamicValue"),
        "diagnostics": (2, ["Diagnostic"]),
        "private": (3, "bytes"),
    },
    "PlanRequest": {
        "type_name": (1, "string"),
        "prior_state": (2, "DynamicValue"),
        "proposed_new_state": (3, "DynamicValue"),
        "config": (4, "DynamicValue"),
        "prior_private": (5, "bytes"),
        "provider_meta": (6, "DynamicValue"),
    },
    "PlanResponse": {
        "planned_state": (1, "DynamicValue"),
        "requires_replace": (2, ["AttributePath"]),
        "planned_private": (3, "bytes"),
        "diagnostics": (4, ["Diagnostic"]),
        "legacy_type_system": (5, "bool"),
    },
    "ApplyRequest": {
        "type_name": (1, "string"),
        "prior_state": (2, "DynamicValue"),
        "planned_state": (3, "DynamicValue"),
        "config": (4, "DynamicValue"),
        "planned_private": (5, "bytes"),
        "provider_meta": (6, "DynamicValue"),
    },
    "ApplyResponse": {
        "new_state": (1, "DynamicValue"),
        "private": (2, "bytes"),
        "diagnostics": (3, ["Diagnostic"]),
        "legacy_type_system": (4, "bool"),
    },
    "ImportRequest": {"type_name": (1, "string"), "id": (2, "string")},
    "ImportedResource": {"type_name": (1, "string"), "state": (2, "DynamicValue"), "private": (3, "bytes")},
    "ImportResponse": {"imported_resources": (1, ["ImportedResource"]), "diagnostics": (2, ["Diagnostic"])},
}

# A path step sets one of its three fields, possibly to "" or 0. Protobuf sends such a value only for a oneof.
_ONE_OF = {"Step": "selector"}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="instant_clone/tfplugin5.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in _ONE_OF:
            message.oneof_decl.add(name=_ONE_OF[name])
        for field_name, (number, declared_type) in fields.items():
            repeated = isinstance(declared_type, list)
            kind = declared_type[0] if isinstance(declared_type, list) else declared_type
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{kind}"
            if name in _ONE_OF:
                field.oneof_index = 0
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())  # type: ignore[no-untyped-call]
globals().update(
    {
        name: message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))  # type: ignore[no-untyped-call]
        for name in _MESSAGES
    }
)
