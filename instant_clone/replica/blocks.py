# SPDX-License-Identifier: MPL-2.0
"""Values of a replica: literals, Terraform templates, and nested blocks with their device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from instant_clone.stock_provider.argument import Scalar

__all__ = ["DeviceBlock", "Template"]

Device = TypeVar("Device")


class Template(str):
    """A Terraform template, such as "${each.value.mac}". Every other string of a replica is a literal."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class DeviceBlock(Mapping[str, Scalar], Generic[Device]):
    """A nested block of vsphere_virtual_machine: the arguments by name, and the source's device that they reproduce."""

    arguments: Mapping[str, Scalar]
    device: Device | None = None
    """the device of the source; None if the source does not have the device"""

    def __getitem__(self, name: str) -> Scalar:
        return self.arguments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arguments)

    def __len__(self) -> int:
        return len(self.arguments)

    def with_arguments(self, **others: Scalar) -> DeviceBlock[Device]:
        """Return the block with other values for some arguments."""
        return DeviceBlock({**self.arguments, **others}, self.device)
