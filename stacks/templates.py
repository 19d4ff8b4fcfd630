# SPDX-License-Identifier: MPL-2.0
"""What is said of each clone: as templates of its source's resource, over a table of what differs between clones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from constructs.literals import literal
from constructs.member_table import Rows
from instant_clone.fleet import Fleet, Source
from instant_clone.fleet.members import MemberValue, mac_addresses, placeholder_values
from instant_clone.fleet.patterns import parts, placeholders
from instant_clone.vm.source_vm import SourceVm

__all__ = ["Templates", "template", "templates"]


@dataclass(frozen=True)
class Templates:
    """Rows and templates for a CloneSource.

    `mac_addresses` has an item for each network interface of the source, by its `nics`; None where vCenter generates
    the address. Which values a row has follows from the fleet's patterns and networks, never from the members.
    """

    rows: Rows
    guestinfo: dict[str, str]
    mac_addresses: tuple[str | None, ...]


def templates(fleet: Fleet, source: Source, source_vm: SourceVm) -> Templates:
    """Rows and templates for the members of `fleet` that are clones of `source`, which is `source_vm`."""
    meant = placeholder_values(fleet, source, source_vm)
    macs = mac_addresses(fleet, source_vm)
    told = (meant[placeholder] for pattern in fleet.guestinfo.values() for placeholder in placeholders(pattern))
    # The name is the row's own key.
    columns = {own.name: own.of for own in (*macs, *told) if isinstance(own, MemberValue) and own.name != "name"}
    return Templates(
        rows={
            literal(fleet.clone_name(index)): {name: str(of(index)) for name, of in columns.items()}
            for index in source.indexes
        },
        guestinfo={literal(key): template(pattern, meant) for key, pattern in fleet.guestinfo.items()},
        mac_addresses=tuple(_reference(mac, "") if isinstance(mac, MemberValue) else mac for mac in macs),
    )


def template(pattern: str, meant: Mapping[str, str | MemberValue]) -> str:
    """The Terraform template for a checked pattern whose placeholders are `meant` so."""
    pieces: list[str] = []
    text = ""
    for before, placeholder, spec in parts(pattern):
        text += before
        meaning = "" if placeholder is None else meant[placeholder]
        if isinstance(meaning, str):
            text += meaning
        else:
            pieces += (_before_a_reference(text), _reference(meaning, spec))
            text = ""
    return "".join((*pieces, literal(text)))


def _before_a_reference(text: str) -> str:
    # $${ would be no reference, but the text ${.
    plain = text.rstrip("$")
    dollars = text[len(plain) :]
    return literal(plain) + (f'${{"{dollars}"}}' if dollars else "")


def _reference(own: MemberValue, spec: str) -> str:
    if own.name == "name":
        return "${each.key}"
    value = f"each.value.{own.name}"
    verb = spec[-1:] if spec[-1:] in ("x", "X") else "d"
    digits = spec.rstrip("dxX")
    width = int(digits or 0)
    if verb == "d" and width == 0:
        return f"${{{value}}}"
    return f'${{format("%{"0" if digits[:1] == "0" and width else ""}{width or ""}{verb}", {value})}}'
