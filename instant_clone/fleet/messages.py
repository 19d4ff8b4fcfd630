"""What pydantic finds in a table of fleets.toml, in the words of the file's author."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from instant_clone.errors import Finding

__all__ = ["finding", "unknown_key"]

_CREDENTIALS = frozenset(
    ("server", "user", "username", "password", "vsphere_server", "vsphere_user", "vsphere_password")
)
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "int_type": "a whole number without quotes",
    "model_type": "a table",
    "string_type": "a text in quotes",
    "tuple_type": "a list of tables",
}


def finding(details: ErrorDetails, *, table: str, keys: Iterable[str]) -> Finding:
    """One of pydantic's errors about `table`, such as "fleets.web"; `keys` are those the table at fault can have."""
    what, cure = _sentences(details, keys)
    return Finding(_place(table, details["loc"]), what, cure)


def unknown_key(key: str, keys: Iterable[str]) -> tuple[str, str]:
    """What is wrong with `key` where only `keys` are known, and the cure. Its value, maybe a secret, is not shown."""
    if key.lower() in _CREDENTIALS:
        cure = "Credentials stand only in VSPHERE_SERVER, VSPHERE_USER and VSPHERE_PASSWORD: take it out."
    elif near := get_close_matches(key, list(keys), n=1):
        cure = f'Did you mean "{near[0]}"?'
    else:
        cure = f"There are {', '.join(keys)}."
    return "is not a key that is known here.", cure


def _place(table: str, location: tuple[int | str, ...]) -> str:
    """Such as `[fleets.web] names`, `[fleets.web.guestinfo] KEY` and `[[fleets.web.sources]] number 1, vm`."""
    # A fleet's name is the key of its table, not a key in it; a key at fault is named as its value would be.
    parts = [part for part in location if part not in ("[key]", "name")]
    if not parts:
        return f"[{table}]"
    for position, part in enumerate(parts):
        if isinstance(part, int):
            inside = ".".join([table, *map(str, parts[:position])])
            return ", ".join((f"[[{inside}]] number {part + 1}", *map(str, parts[position + 1 :])))
    return " ".join((f"[{'.'.join([table, *map(str, parts[:-1])])}]", *map(str, parts[-1:])))


def _sentences(details: ErrorDetails, keys: Iterable[str]) -> tuple[str, str]:
    kind = details["type"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "fleet_value":
        return context["what"], context["cure"]
    if kind == "missing":
        return "is missing.", "Add it."
    if kind == "extra_forbidden":
        return unknown_key(str(details["loc"][-1]), keys)
    if kind == "string_too_short":
        return "is empty.", "Write its name."
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{details['input']} is out of range.", f"Write a number of {bound}."
    if kind == "literal_error":
        return f"{details['input']!r} is not known.", f"Write {context['expected']}."
    if expected := _EXPECTED.get(kind):
        return f"{_shown(details['input'])} is of the wrong type.", f"Write {expected}."
    return f"{_shown(details['input'])} does not fit: {details['msg']}.", ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return repr(value)
    return "a table" if isinstance(value, dict) else "this value"
