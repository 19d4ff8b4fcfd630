# SPDX-License-Identifier: MPL-2.0
"""The quirks of cdktf's bindings: how values enter them, and what they cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdktf import Token
from cdktf_cdktf_provider_vsphere.virtual_machine import VirtualMachine

from instant_clone.replica import Template
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import row, top_level
from instant_clone.stock_provider.releases import BINDINGS_RELEASE

from .literals import literal

__all__ = ["UNBOUND_ARGUMENTS", "bound", "resource_address"]

UNBOUND_ARGUMENTS = top_level(lambda argument: argument.since > BINDINGS_RELEASE)
"""arguments that the bindings do not have; add_override writes them"""


def bound(arguments: Mapping[str, Scalar], *, block: str = "") -> dict[str, Any]:
    """Return arguments of a replica as the bindings take them.

    Literal texts are escaped, because cdktf takes every text for a template. A template in the place of a number or a
    boolean becomes a token: the bindings check the types of their arguments. `block` is the block that the arguments
    are in, such as "disk".
    """
    return {name: _bound(f"{block}.{name}" if block else name, value) for name, value in arguments.items()}


def _bound(path: str, value: Scalar) -> Any:
    if not isinstance(value, str):
        return value
    if not isinstance(value, Template):
        return literal(value)
    text = str(value)
    return {"number": Token.as_number, "bool": Token.as_any}.get(row(path).type, str)(text)


def resource_address(machine: VirtualMachine) -> str:
    """Return the resource's address for expressions.

    Not `machine.fqn`: cdktf puts a second such token of one expression into braces of its own.
    """
    return f"{machine.terraform_resource_type}.{machine.friendly_unique_id}"
