# SPDX-License-Identifier: MPL-2.0
"""Terraform's values as Python's: what a DynamicValue holds, the `instantclone` block in it, paths, diagnostics.

A value travels as MessagePack: an object as a map, null as nil, an unknown value as an extension type. The latter
stays what it is, an `msgpack.ExtType`, and so reaches the other side untouched.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import msgpack
from google.protobuf.message import Message

from instant_clone.plugin.wire.tfplugin5 import AttributePath, Diagnostic, DynamicValue
from instant_clone.stock_provider.names import INSTANTCLONE, OnReboot
from instant_clone.vm.differences import shown as shown_known

__all__ = [
    "NULL",
    "InstantCloneBlock",
    "attribute_path",
    "changed",
    "error",
    "failed",
    "is_unknown",
    "pack",
    "shown",
    "split_block",
    "unpack",
    "warning",
    "with_block",
]

DEFAULT_TIMEOUT = 30
"""minutes"""
ON_REBOOT = get_args(OnReboot)

Values = TypeVar("Values")
AMessage = TypeVar("AMessage", bound=Message)

_ERROR, _WARNING = 1, 2


def unpack(value: DynamicValue) -> Any:
    """The Python value of a DynamicValue; None for null and for no value at all."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)
    if value.json:
        return json.loads(value.json)
    return None


def pack(value: object) -> DynamicValue:
    """The DynamicValue of what `unpack` gave."""
    return DynamicValue(msgpack=msgpack.packb(value, use_bin_type=True))


NULL = pack(None)


def is_unknown(value: object) -> bool:
    """Whether Terraform does not know the value yet."""
    return isinstance(value, msgpack.ExtType)


def changed(message: AMessage, **objects: object) -> AMessage:
    """Return a copy of `message` in which these fields hold these objects; None leaves the field as it is."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field, content in objects.items():
        if content is not None:
            getattr(copy, field).CopyFrom(pack(content))
    return copy


def split_block(
    value: DynamicValue, kind: Callable[[Mapping[str, Any]], Values]
) -> tuple[Values | None, InstantCloneBlock]:
    """Return the object, which is of the `kind` State, Plan or Config, without our block, and the block."""
    content = unpack(value)
    if not isinstance(content, dict):
        return None, InstantCloneBlock([])
    block = InstantCloneBlock(content.pop(INSTANTCLONE, None) or [])
    return kind(content), block


def with_block(message: AMessage, field: str, block: InstantCloneBlock) -> AMessage:
    """Return a copy of `message` in which the object in `field` has the block; null stays null."""
    content = unpack(getattr(message, field))
    return changed(message, **{field: {**content, INSTANTCLONE: block.value}}) if isinstance(content, dict) else message


@dataclass(frozen=True)
class InstantCloneBlock:
    """The value of `instantclone`: a list of no or one object, or unknown as a whole (from a dynamic block)."""

    value: Any

    @classmethod
    def of(cls, source_uuid: str | None) -> InstantCloneBlock:
        """The block with that source and nothing else; none without a source."""
        return cls([] if source_uuid is None else [{"source_uuid": source_uuid, "timeout": None, "on_reboot": None}])

    def __bool__(self) -> bool:
        return is_unknown(self.value) or bool(self.value)

    @property
    def _body(self) -> Mapping[str, Any]:
        if isinstance(self.value, list) and self.value and isinstance(self.value[0], dict):
            return self.value[0]
        return {}

    @property
    def source_uuid(self) -> str | None:
        """The source's UUID in its usual form; None if it is unknown or there is no block."""
        source = self._body.get("source_uuid")
        return source.strip().lower() if isinstance(source, str) else None

    @property
    def timeout(self) -> float:
        """Minutes that the clone task may take."""
        timeout = self._body.get("timeout")
        return float(timeout) if isinstance(timeout, (int, float, str)) else DEFAULT_TIMEOUT

    @property
    def on_reboot(self) -> str:
        """One of ON_REBOOT."""
        value = self._body.get("on_reboot")
        return value if isinstance(value, str) else ON_REBOOT[0]

    def is_known(self) -> bool:
        """Whether there is a block whose source is known."""
        return self.source_uuid is not None

    def problems(self) -> Iterator[tuple[str, str, AttributePath]]:
        """What is wrong with the block itself: summary, detail, path."""
        source = self.source_uuid
        if source is not None and not _is_uuid(source):
            yield (
                "Not a UUID",
                f'instantclone.source_uuid is "{source}"; it must be the BIOS UUID of the source virtual machine, '
                "such as 564d3a5c-7b1e-4f6a-9c2d-0123456789ab.",
                attribute_path(INSTANTCLONE, 0, "source_uuid"),
            )
        if self._body and self.timeout < 1:
            yield (
                "Time-out too short",
                f"instantclone.timeout is {self.timeout:g}; it is in minutes and must be at least 1.",
                attribute_path(INSTANTCLONE, 0, "timeout"),
            )
        if self.on_reboot not in ON_REBOOT:
            yield (
                "Unknown way",
                f'instantclone.on_reboot is "{self.on_reboot}"; it must be one of {", ".join(ON_REBOOT)}.',
                attribute_path(INSTANTCLONE, 0, "on_reboot"),
            )


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def attribute_path(*steps: str | int) -> AttributePath:
    """A path to an attribute: names, and indexes of list elements."""
    path = AttributePath()
    for step in steps:
        if isinstance(step, int):
            path.steps.add(element_key_int=step)
        else:
            path.steps.add(attribute_name=step)
    return path


def error(summary: str, detail: str, at: AttributePath | None = None) -> Diagnostic:
    """A diagnostic that fails the operation."""
    return _diagnostic(_ERROR, summary, detail, at)


def warning(summary: str, detail: str, at: AttributePath | None = None) -> Diagnostic:
    """A diagnostic that is shown."""
    return _diagnostic(_WARNING, summary, detail, at)


def _diagnostic(severity: int, summary: str, detail: str, at: AttributePath | None) -> Diagnostic:
    diagnostic = Diagnostic(severity=severity, summary=summary, detail=detail)
    if at is not None:
        diagnostic.attribute.CopyFrom(at)
    return diagnostic


def failed(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether an error is among them."""
    return any(diagnostic.severity == _ERROR for diagnostic in diagnostics)


def shown(value: object) -> str:
    """A value as Terraform writes it; one that it does not know yet is "(known after apply)"."""
    return "(known after apply)" if is_unknown(value) else shown_known(value)
