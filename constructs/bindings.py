# SPDX-License-Identifier: MPL-2.0
"""Conversion of a replica's arguments for cdktf's vSphere bindings, and the arguments that the bindings lack."""

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
"""top-level arguments newer than the bindings; InstantCloneFleet writes them with add_override"""


def bound(arguments: Mapping[str, Scalar], *, block: str = "") -> dict[str, Any]:
    """Return the replica's `arguments` in the form that the bindings accept.

    Literal strings are escaped, because cdktf passes every string to Terraform as a template. A template for a number
    or a boolean becomes a token, because the bindings check the types of their arguments. `block` is the name of the
    block that contains the arguments, such as "disk"; the default is the top level of the resource.
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
    """Return the resource's address for use inside a Terraform expression.

    `machine.fqn` does not work here: cdktf wraps a second such token of the same expression in `${…}`.
    """
    return f"{machine.terraform_resource_type}.{machine.friendly_unique_id}"
