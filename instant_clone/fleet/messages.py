# SPDX-License-Identifier: MPL-2.0
"""What pydantic finds in a table of fleets.toml, in the words of the file's author."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from instant_clone.errors import Finding
from instant_clone.fleet.field_types import shown
from instant_clone.fleet.suggestions import suggestion

__all__ = ["TABLE_LISTS", "finding", "place", "unknown_key"]

_CREDENTIALS = frozenset(
    ("server", "user", "username", "password", "vsphere_server", "vsphere_user", "vsphere_password")
)
TABLE_LISTS = ("sources", "networks", "disks")
"""keys of lists of tables; all other lists are lists of texts"""
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "int_type": "a whole number without quotes",
    "model_type": "a table",
    "string_type": "a text in quotes",
    "tuple_type": "a list of tables",
}


def finding(details: ErrorDetails, *, table: str, keys: Iterable[str], home: str = "") -> Finding:
    """One of pydantic's errors about `table`, such as "fleets.web".

    `keys` are those that the table at fault can have, `home` is the table that a key which is not known belongs in.
    """
    what, cure = _brackets(details, table) or _sentences(details, keys, home)
    return Finding(place(table, details["loc"]), what, cure)


def unknown_key(key: str, keys: Iterable[str], *, home: str = "") -> tuple[str, str]:
    """What is wrong with `key` where only `keys` are known, and the cure. Its value, maybe a secret, is not shown."""
    known = list(keys)
    if key.lower() in _CREDENTIALS:
        cure = "Credentials stand only in VSPHERE_SERVER, VSPHERE_USER and VSPHERE_PASSWORD: take it out."
    elif home:
        cure = f"It belongs in {home}."
    else:
        cure = suggestion(key, known) or f"There are {', '.join(known)}."
    return "is not a key that is known here.", cure


def place(table: str, location: tuple[int | str, ...]) -> str:
    """Such as `[fleets.web] names`, `[fleets.web.guestinfo] KEY` and `[[fleets.web.sources]] number 1, vm`."""
    # A fleet's name is the key of its table, not a key in it; a key at fault is named as its value would be.
    parts = [part for part in location if part != "[key]" and location != ("name",)]
    for position, part in enumerate(parts):
        if isinstance(part, int) and parts[position - 1] in TABLE_LISTS:
            inside = ".".join([table, *map(str, parts[:position])])
            return ", ".join((f"[[{inside}]] number {part + 1}", *_key(parts[position + 1 :])))
    if not parts:
        return f"[{table}]"
    last = max(position for position, part in enumerate(parts) if isinstance(part, str))
    return " ".join((f"[{'.'.join([table, *map(str, parts[:last])])}]", *_key(parts[last:])))


def _key(parts: list[int | str]) -> list[str]:
    """A key, with the number of the text in its list if it has one."""
    return [f"number {part + 1}" if isinstance(part, int) else part for part in parts]


def _brackets(details: ErrorDetails, table: str) -> tuple[str, str] | None:
    """What is wrong with single brackets where they should be double, or the other way round; None if nothing is."""
    kind, value = details["type"], details["input"]
    path = ".".join([table, *map(str, details["loc"])])
    if kind == "tuple_type" and isinstance(value, dict) and details["loc"][-1] in TABLE_LISTS:
        return "is one table, and should be a list of them.", f"Begin it with [[{path}]], in double brackets."
    if kind in ("dict_type", "model_type") and isinstance(value, list) and value and isinstance(value[0], dict):
        return "is a list of tables, and should be one.", f"Begin it with [{path}], in single brackets."
    return None


def _sentences(details: ErrorDetails, keys: Iterable[str], home: str) -> tuple[str, str]:
    kind = details["type"]
    context: Mapping[str, Any] = details.get("ctx", {})
    value = shown(details["input"])
    if kind == "fleet_value":
        return context["what"], f"It belongs in {home}." if home else context["cure"]
    if kind == "missing":
        return "is missing.", "Add it."
    if kind == "extra_forbidden":
        return unknown_key(str(details["loc"][-1]), keys, home=home)
    if kind == "string_too_short":
        return "is empty.", "Write its name."
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{value} is out of range.", f"Write a number of {bound}."
    if kind == "multiple_of":
        return f"{value} is not a multiple of {context['multiple_of']}.", "vSphere takes no other sizes."
    if kind == "literal_error":
        return f"{value} is not known.", f"Write {context['expected']}."
    if kind == "tuple_type" and details["loc"][-1] not in TABLE_LISTS:
        return f"{value} is of the wrong type.", "Write a list of texts in quotes."
    if expected := _EXPECTED.get(kind):
        return f"{value} is of the wrong type.", f"Write {expected}."
    return f"{value} does not fit: {details['msg']}.", ""
