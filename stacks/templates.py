# SPDX-License-Identifier: MPL-2.0
"""Guestinfo and MAC addresses as Terraform templates, and a table of the values that differ between clones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from constructs.literals import literal
from constructs.member_table import Rows
from instant_clone.fleet import Fleet, Source
from instant_clone.fleet.guestinfo_values import pattern_of
from instant_clone.fleet.members import MemberValue, encoded_guestinfo, mac_addresses, placeholder_values
from instant_clone.fleet.patterns import parts, placeholders
from instant_clone.vm.source_vm import SourceVm

__all__ = ["Templates", "template", "templates"]


@dataclass(frozen=True)
class Templates:
    """The rows and templates for a CloneSource.

    The value names of a row depend only on the fleet's patterns and networks, not on the members.
    """

    rows: Rows
    """The values of each clone, by the clones' names."""
    guestinfo: dict[str, str]
    """The templates by guestinfo key."""
    mac_addresses: tuple[str | None, ...]
    """One item per network interface of the source, in the order of its `nics`. None: vCenter generates the address."""


def templates(fleet: Fleet, source: Source, source_vm: SourceVm) -> Templates:
    """Return the rows and templates for the members of `fleet` that are clones of `source`, with the VM `source_vm`."""
    values = placeholder_values(fleet, source, source_vm)
    macs = mac_addresses(fleet, source_vm)
    encoded = encoded_guestinfo(fleet, values)
    patterns = {key: pattern_of(value) for key, value in fleet.guestinfo.items() if key not in encoded}
    used = (values[placeholder] for pattern in patterns.values() for placeholder in placeholders(pattern))
    # The name is the key of the row.
    columns = {
        literal(each.name): each.of
        for each in (*macs, *used, *encoded.values())
        if isinstance(each, MemberValue) and each.name != "name"
    }
    return Templates(
        rows={
            literal(fleet.clone_name(index)): {name: str(of(index)) for name, of in columns.items()}
            for index in source.indexes
        },
        guestinfo={
            literal(key): _encoded_template(encoded[key]) if key in encoded else template(patterns[key], values)
            for key in fleet.guestinfo
        },
        mac_addresses=tuple(_reference(mac, "") if isinstance(mac, MemberValue) else mac for mac in macs),
    )


def template(pattern: str, values: Mapping[str, str | MemberValue]) -> str:
    """Return the Terraform template for a checked `pattern`. `values` are the values of its placeholders."""
    pieces: list[str] = []
    text = ""
    for before, placeholder, spec in parts(pattern):
        text += before
        value = "" if placeholder is None else values[placeholder]
        if isinstance(value, str):
            text += value
        else:
            pieces += (_literal_before_reference(text), _reference(value, spec))
            text = ""
    return "".join((*pieces, literal(text)))


def _encoded_template(value: str | MemberValue) -> str:
    # Terraform has functions for base64 and gzip. A later release may return other gzip bytes and change all clones.
    if isinstance(value, str):
        return literal(value)
    # HCL quotes strings like JSON. A key of guestinfo contains dots.
    return f"${{each.value[{json.dumps(literal(value.name), ensure_ascii=False)}]}}"


def _literal_before_reference(text: str) -> str:
    # Terraform reads $${ as the literal text ${, so a $ before a reference becomes an expression.
    plain = text.rstrip("$")
    dollars = text[len(plain) :]
    return literal(plain) + (f'${{"{dollars}"}}' if dollars else "")


def _reference(member_value: MemberValue, spec: str) -> str:
    if member_value.name == "name":
        return "${each.key}"
    value = f"each.value.{member_value.name}"
    verb = spec[-1:] if spec[-1:] in ("x", "X") else "d"
    digits = spec.rstrip("dxX")
    width = int(digits or 0)
    if verb == "d" and width == 0:
        return f"${{{value}}}"
    return f'${{format("%{"0" if digits[:1] == "0" and width else ""}{width or ""}{verb}", {value})}}'
