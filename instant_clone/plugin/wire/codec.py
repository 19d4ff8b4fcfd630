# SPDX-License-Identifier: MPL-2.0
"""Conversion between DynamicValues and Python values; the `instantclone` block, attribute paths and diagnostics.

Terraform sends values as MessagePack: an object as a map, null as nil, an unknown value as an extension type. In
Python, an unknown value stays a `msgpack.ExtType`, so the plugin forwards it unchanged.
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
"""The default time limit of the clone task in minutes."""
ON_REBOOT = get_args(OnReboot)

Values = TypeVar("Values")
AMessage = TypeVar("AMessage", bound=Message)

_ERROR, _WARNING = 1, 2


def unpack(value: DynamicValue) -> Any:
    """Return the Python value of a DynamicValue. Null and an empty DynamicValue become None."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, raw=False, strict_map_key=False)
    if value.json:
        return json.loads(value.json)
    return None


def pack(value: object) -> DynamicValue:
    """Return the DynamicValue of a Python value, the inverse of `unpack`."""
    return DynamicValue(msgpack=msgpack.packb(value, use_bin_type=True))


NULL = pack(None)


def is_unknown(value: object) -> bool:
    """Return whether Terraform does not know the value before the apply."""
    return isinstance(value, msgpack.ExtType)


def changed(message: AMessage, **objects: object) -> AMessage:
    """Return a copy of `message` in which the named fields hold the given objects. None leaves a field unchanged."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field, content in objects.items():
        if content is not None:
            getattr(copy, field).CopyFrom(pack(content))
    return copy


def split_block(
    value: DynamicValue, kind: Callable[[Mapping[str, Any]], Values]
) -> tuple[Values | None, InstantCloneBlock]:
    """Return the object in `value` without its `instantclone` block, and the block.

    `kind` is State, Plan or Config. If `value` is not an object, return None and an empty block.
    """
    content = unpack(value)
    if not isinstance(content, dict):
        return None, InstantCloneBlock([])
    block = InstantCloneBlock(content.pop(INSTANTCLONE, None) or [])
    return kind(content), block


def with_block(message: AMessage, field: str, block: InstantCloneBlock) -> AMessage:
    """Return a copy of `message` in which the object in `field` has the block. A null field stays null."""
    content = unpack(getattr(message, field))
    return changed(message, **{field: {**content, INSTANTCLONE: block.value}}) if isinstance(content, dict) else message


@dataclass(frozen=True)
class InstantCloneBlock:
    """The value of `instantclone`: a list of at most one object, or an unknown value (from a dynamic block)."""

    value: Any

    @classmethod
    def of(cls, source_uuid: str | None) -> InstantCloneBlock:
        """Return a block with only `source_uuid` set, or an empty block if `source_uuid` is None."""
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
        """The source's UUID in lower case. None if the UUID is unknown or the block is missing."""
        source = self._body.get("source_uuid")
        return source.strip().lower() if isinstance(source, str) else None

    @property
    def timeout(self) -> float:
        """The time limit of the clone task in minutes."""
        timeout = self._body.get("timeout")
        return float(timeout) if isinstance(timeout, (int, float, str)) else DEFAULT_TIMEOUT

    @property
    def on_reboot(self) -> str:
        """The value of `on_reboot`. The default is the first value of ON_REBOOT."""
        value = self._body.get("on_reboot")
        return value if isinstance(value, str) else ON_REBOOT[0]

    def is_known(self) -> bool:
        """Return whether the block exists and its source is known."""
        return self.source_uuid is not None

    def problems(self) -> Iterator[tuple[str, str, AttributePath]]:
        """Yield the summary, detail and attribute path of each invalid argument."""
        source = self.source_uuid
        if source is not None and not _is_uuid(source):
            yield (
                "Invalid source_uuid",
                f'instantclone.source_uuid is "{source}". It must be the BIOS UUID of the source virtual machine, '
                "such as 564d3a5c-7b1e-4f6a-9c2d-0123456789ab.",
                attribute_path(INSTANTCLONE, 0, "source_uuid"),
            )
        if self._body and self.timeout < 1:
            yield (
                "Invalid timeout",
                f"instantclone.timeout is {self.timeout:g} minutes. It must be at least 1.",
                attribute_path(INSTANTCLONE, 0, "timeout"),
            )
        if self.on_reboot not in ON_REBOOT:
            yield (
                "Invalid on_reboot",
                f'instantclone.on_reboot is "{self.on_reboot}". It must be one of {", ".join(ON_REBOOT)}.',
                attribute_path(INSTANTCLONE, 0, "on_reboot"),
            )


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def attribute_path(*steps: str | int) -> AttributePath:
    """Return a path to an attribute. A string is an attribute name, an integer the index of a list element."""
    path = AttributePath()
    for step in steps:
        if isinstance(step, int):
            path.steps.add(element_key_int=step)
        else:
            path.steps.add(attribute_name=step)
    return path


def error(summary: str, detail: str, at: AttributePath | None = None) -> Diagnostic:
    """Return a diagnostic that fails the operation."""
    return _diagnostic(_ERROR, summary, detail, at)


def warning(summary: str, detail: str, at: AttributePath | None = None) -> Diagnostic:
    """Return a diagnostic that Terraform shows without failing the operation."""
    return _diagnostic(_WARNING, summary, detail, at)


def _diagnostic(severity: int, summary: str, detail: str, at: AttributePath | None) -> Diagnostic:
    diagnostic = Diagnostic(severity=severity, summary=summary, detail=detail)
    if at is not None:
        diagnostic.attribute.CopyFrom(at)
    return diagnostic


def failed(diagnostics: Iterable[Diagnostic]) -> bool:
    """Return whether the diagnostics contain an error."""
    return any(diagnostic.severity == _ERROR for diagnostic in diagnostics)


def shown(value: object) -> str:
    """Return a value as Terraform writes it. An unknown value becomes "(known after apply)"."""
    return "(known after apply)" if is_unknown(value) else shown_known(value)
