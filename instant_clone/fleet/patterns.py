# SPDX-License-Identifier: MPL-2.0
"""Patterns of names and guestinfo: which placeholders there are, and what they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from instant_clone.fleet.field_types import Text, near, problem

__all__ = ["GuestinfoPattern", "NamePattern", "fill", "parts", "placeholders", "split_placeholder"]

NAME_PLACEHOLDERS = ("fleet", "index")
MEMBER_PLACEHOLDERS = ("name", "index", "source", "fleet")
INTERFACE_PLACEHOLDERS = ("ip", "netmask", "prefix", "gateway", "dns", "mac")
"""of the first interface with an address plan; with nic0_, nic1_, … before them, of the interface of that number"""
_NUMBERED = re.compile(rf"nic(0|[1-9]\d?)_({'|'.join(INTERFACE_PLACEHOLDERS)})", re.ASCII)


def fill(pattern: str, values: Mapping[str, str | int]) -> str:
    """`pattern` with its placeholders replaced: `{index:02d}` by values["index"], `{{` by a brace."""
    return pattern.format_map(values)


def parts(pattern: str) -> Iterator[tuple[str, str | None, str]]:
    """A checked pattern piece by piece: a text, the placeholder behind it (None at the end), and its format."""
    return ((text, field, spec or "") for text, field, spec, _ in Formatter().parse(pattern))


def placeholders(pattern: str) -> tuple[str, ...]:
    """The placeholders in a checked pattern, in their order, each once."""
    return tuple(dict.fromkeys(field for _, field, _ in parts(pattern) if field is not None))


def split_placeholder(placeholder: str) -> tuple[int | None, str] | None:
    """Interface and property of a placeholder such as "nic1_ip" (1, "ip") or "ip" (None, "ip").

    Interfaces are counted from 0, as network tables are in their order: {nic0_ip} is the first one's address. None
    for placeholders that are not about an interface.
    """
    if placeholder in INTERFACE_PLACEHOLDERS:
        return None, placeholder
    match = _NUMBERED.fullmatch(placeholder)
    return (int(match[1]), match[2]) if match else None


def _checked(pattern: str, known: Sequence[str], *, numbered: bool) -> str:
    try:
        found = list(Formatter().parse(pattern))
    except ValueError:
        raise problem(
            f"{pattern!r} has a brace without its partner.", "Write {{ or }} for a brace that is meant as such."
        ) from None
    for _, field, spec, conversion in found:
        if field is None:
            continue
        if field not in known and not (numbered and split_placeholder(field)):
            names = [f"{{{name}}}" for name in known] + (["{nic0_ip}", "{nic1_ip} and so on"] if numbered else [])
            meant = near(field, known)
            cure = f'Did you mean "{{{meant}}}"?' if meant else f"There are {', '.join(names)}."
            raise problem(f"{{{field}}} in {pattern!r} is no placeholder here.", cure)
        # A width of more than two digits is no part of a name, and would cost memory without bound.
        if conversion or (spec and not (field == "index" and re.fullmatch(r"0?\d{0,2}[dxX]?", spec, re.ASCII))):
            raise problem(
                f"{pattern!r} formats {{{field}}} in a way that is not known.",
                "Only {index} takes a format, such as {index:02d}.",
            )
    return pattern


def _name_pattern(pattern: str) -> str:
    return _checked(pattern, NAME_PLACEHOLDERS, numbered=False)


def _guestinfo_pattern(pattern: str) -> str:
    return _checked(pattern, (*MEMBER_PLACEHOLDERS, *INTERFACE_PLACEHOLDERS), numbered=True)


NamePattern = Annotated[Text, AfterValidator(_name_pattern)]
GuestinfoPattern = Annotated[str, AfterValidator(_guestinfo_pattern)]
