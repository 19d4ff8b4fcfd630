# SPDX-License-Identifier: MPL-2.0
"""Convert messages of the plugin protocol to readable, comparable JSON, and back.

A DynamicValue becomes the value that it contains, and an unknown value becomes {"unknown": true}. Fields that
instant_clone.plugin.wire.tfplugin5 does not define are omitted.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgpack
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from instant_clone.plugin.wire.codec import is_unknown, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import DynamicValue

__all__ = ["as_json", "as_message"]

AMessage = TypeVar("AMessage", bound=Message)

_UNKNOWN = {"unknown": True}


def as_json(message: Message) -> Any:
    """Return the message as JSON. Unset fields are omitted."""
    if isinstance(message, DynamicValue):
        return _value_as_json(unpack(message))
    return {field.name: _field_as_json(field, held) for field, held in message.ListFields()}


def as_message(kind: type[AMessage], held: Any) -> AMessage:
    """Return a message of the type `kind` with the content `held`, a result of as_json()."""
    message = kind()
    _fill(message, held)
    return message


def _fill(message: Message, held: Any) -> None:
    if isinstance(message, DynamicValue):
        message.CopyFrom(pack(_value_of_json(held)))
        return
    for name, value in held.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.message_type is None:
            setattr(message, name, value.encode() if field.type == FieldDescriptor.TYPE_BYTES else value)
        elif field.is_repeated:
            for each in value:
                _fill(getattr(message, name).add(), each)
        else:
            getattr(message, name).SetInParent()
            _fill(getattr(message, name), value)


def _field_as_json(field: FieldDescriptor, held: Any) -> Any:
    if field.message_type is not None:
        return [as_json(each) for each in held] if field.is_repeated else as_json(held)
    return held.decode() if isinstance(held, bytes) else held


def _value_as_json(value: Any) -> Any:
    if is_unknown(value):
        return _UNKNOWN
    if isinstance(value, list):
        return [_value_as_json(each) for each in value]
    if isinstance(value, dict):
        return {key: _value_as_json(each) for key, each in value.items()}
    return value


def _value_of_json(value: Any) -> Any:
    if value == _UNKNOWN:
        return msgpack.ExtType(0, b"\0")
    if isinstance(value, list):
        return [_value_of_json(each) for each in value]
    if isinstance(value, dict):
        return {key: _value_of_json(each) for key, each in value.items()}
    return value
