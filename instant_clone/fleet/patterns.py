# SPDX-License-Identifier: MPL-2.0
"""Patterns for clone names and guestinfo values: the valid placeholders, the validation and the formatting."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from instant_clone.fleet.field_types import Text, near, problem

__all__ = ["GuestinfoPattern", "NamePattern", "escaped", "fill", "parts", "placeholders", "split_placeholder"]

NAME_PLACEHOLDERS = ("fleet", "index")
MEMBER_PLACEHOLDERS = ("name", "index", "source", "fleet")
INTERFACE_PLACEHOLDERS = ("ip", "netmask", "prefix", "gateway", "dns", "mac")
"""The placeholders of the first interface with an address plan. A prefix nic0_, nic1_, … selects an interface."""
_LONGEST_SHOWN = 60
_AS_TEXT = 'use { text = "…" } for a text without placeholders'
_NUMBERED = re.compile(rf"nic(0|[1-9]\d?)_({'|'.join(INTERFACE_PLACEHOLDERS)})", re.ASCII)


def fill(pattern: str, values: Mapping[str, str | int]) -> str:
    """Return `pattern` with the values of its placeholders.

    For example, values["index"] replaces `{index:02d}`, and a single brace replaces `{{`.
    """
    return pattern.format_map(values)


def escaped(text: str) -> str:
    """Return the pattern without placeholders that `fill` turns into `text`."""
    return text.replace("{", "{{").replace("}", "}}")


def parts(pattern: str) -> Iterator[tuple[str, str | None, str]]:
    """Return the parts of a validated pattern.

    Each part is a text, the placeholder after the text, and the format of the placeholder. The placeholder is None
    after the last text.
    """
    return ((text, field, spec or "") for text, field, spec, _ in Formatter().parse(pattern))


def placeholders(pattern: str) -> tuple[str, ...]:
    """Return the placeholders of a validated pattern, in their order and without duplicates."""
    return tuple(dict.fromkeys(field for _, field, _ in parts(pattern) if field is not None))


def split_placeholder(placeholder: str) -> tuple[int | None, str] | None:
    """Return the interface and the property of a placeholder: (1, "ip") for "nic1_ip", (None, "ip") for "ip".

    Interfaces are counted from 0, in the order of the networks tables. {nic0_ip} is the address of the first interface.
    Return None for a placeholder that does not refer to an interface.
    """
    if placeholder in INTERFACE_PLACEHOLDERS:
        return None, placeholder
    match = _NUMBERED.fullmatch(placeholder)
    return (int(match[1]), match[2]) if match else None


def _checked(pattern: str, known: Sequence[str], *, guestinfo: bool) -> str:
    shown = repr(pattern) if len(pattern) <= _LONGEST_SHOWN else f"{pattern[:_LONGEST_SHOWN]!r}…"
    try:
        found = list(Formatter().parse(pattern))
    except ValueError:
        cure = f"Use {{{{ or }}}} for a literal brace{f', or {_AS_TEXT}' if guestinfo else ''}."
        raise problem(f"{shown} contains a single brace.", cure) from None
    for _, field, spec, conversion in found:
        if field is None:
            continue
        if field not in known and not (guestinfo and split_placeholder(field)):
            names = [f"{{{name}}}" for name in known] + (["{nic0_ip}", "{nic1_ip} and so on"] if guestinfo else [])
            similar = near(field, known)
            cure = f'Did you mean "{{{similar}}}"?' if similar else f"Valid placeholders are {', '.join(names)}."
            if guestinfo and not field.isidentifier():  # most likely JSON
                cure = f"Use {{{{ and }}}} for literal braces, or {_AS_TEXT}."
            raise problem(f"{{{field}}} in {shown} is not a valid placeholder.", cure)
        # A width of more than two digits is useless in a name and would use memory without a limit.
        if conversion or (spec and not (field == "index" and re.fullmatch(r"0?\d{0,2}[dxX]?", spec, re.ASCII))):
            raise problem(
                f"{shown} contains an unsupported format of {{{field}}}.",
                "Use a format only for {index}, such as {index:02d}.",
            )
    return pattern


_IN_GUESTINFO = (*MEMBER_PLACEHOLDERS, *INTERFACE_PLACEHOLDERS)
NamePattern = Annotated[Text, AfterValidator(partial(_checked, known=NAME_PLACEHOLDERS, guestinfo=False))]
GuestinfoPattern = Annotated[str, AfterValidator(partial(_checked, known=_IN_GUESTINFO, guestinfo=True))]
