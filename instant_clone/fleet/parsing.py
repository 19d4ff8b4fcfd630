# SPDX-License-Identifier: MPL-2.0
"""From a table of fleets.toml to its model, or to what is wrong with it in the words of the file's author.

The first of two phases: each value by itself, all findings at once. What the values say together is checked by
`instant_clone.fleet.checks`, where each of them is sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from instant_clone.errors import Finding
from instant_clone.fleet.field_types import Frozen, near, shown, suggestion
from instant_clone.fleet.model import AddedDisk, AddedNetwork, Changes, Fleet, Network, Source

__all__ = ["parse_fleet", "parse_table", "unknown_key"]

Location = tuple[int | str, ...]

_CREDENTIALS = frozenset(
    ("server", "user", "username", "password", "vsphere_server", "vsphere_user", "vsphere_password")
)
_TABLE_LISTS = ("sources", "networks", "disks")
"""keys of lists of tables; all other lists are lists of texts"""
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "int_type": "a whole number without quotes",
    "model_type": "a table",
    "string_type": "a text in quotes",
    "tuple_type": "a list of tables",
}
_INNER: Mapping[tuple[str, ...], type[Frozen]] = {
    ("sources",): Source,
    ("networks",): Network,
    ("changes",): Changes,
    ("changes", "disks"): AddedDisk,
    ("changes", "networks"): AddedNetwork,
}
_HOMES: Mapping[str, tuple[str, ...]] = {
    **{key: path for path, model in list(_INNER.items())[::-1] for key in model.model_fields},
    **dict.fromkeys((key for key in Fleet.model_fields if key != "name"), ()),
}
"""the table that each key belongs in; the outer one where several have it"""
_MOST_DOTS = 10
"""in a key without quotes; deeper tables are not meant as keys"""

_Model = TypeVar("_Model", bound=Frozen)


def parse_table(model: type[_Model], value: object, table: str, findings: list[Finding]) -> _Model | None:
    """`value` as a `model` of plain values, or None with its faults added to `findings`."""
    if not isinstance(value, dict):
        findings.append(Finding(table, "is not a table.", f"Begin it with [{table}]."))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        findings += (_finding(details, table=table, keys=model.model_fields) for details in error.errors())
        return None


def parse_fleet(name: str, value: object, findings: list[Finding]) -> Fleet | None:
    """The fleet of this name, or None with its faults added to `findings`."""
    table = f"fleets.{name}"
    if not isinstance(value, dict):
        findings.append(Finding(table, "is not a table.", f"Begin it with [{table}]."))
        return None
    keys = [key for key in Fleet.model_fields if key != "name"]
    if "name" in value:
        findings.append(Finding(f"[{table}] name", *unknown_key("name", keys)))
    content: Any = {**value, "name": name}
    if isinstance(guestinfo := value.get("guestinfo"), dict):
        content["guestinfo"] = _quoted(guestinfo, table, findings)
    try:
        return Fleet.model_validate(content)
    except ValidationError as error:
        errors = error.errors()
    meant = {_meant(details["loc"]) for details in errors if details["type"] == "extra_forbidden"}
    # A key that strayed into guestinfo is told once, not its value as well.
    strayed = {details["loc"][:-1] for details in errors if _home(details, table) and "[key]" in details["loc"]}
    findings += (
        _finding(details, table=table, keys=_keys(details["loc"]), home=_home(details, table))
        for details in errors
        if not (details["type"] == "missing" and details["loc"] in meant) and details["loc"] not in strayed
    )
    return None


def _finding(details: ErrorDetails, *, table: str, keys: Iterable[str], home: str = "") -> Finding:
    """One of pydantic's errors about `table`, such as "fleets.web".

    `keys` are those that the table at fault can have, `home` is the table that a key which is not known belongs in.
    """
    what, cure = _brackets(details, table) or _sentences(details, keys, home)
    return Finding(_place(table, details["loc"]), what, cure)


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


def _place(table: str, location: tuple[int | str, ...]) -> str:
    """Such as `[fleets.web] names`, `[fleets.web.guestinfo] KEY` and `[[fleets.web.sources]] number 1, vm`."""
    # A fleet's name is the key of its table, not a key in it; a key at fault is named as its value would be.
    parts = [part for part in location if part != "[key]" and location != ("name",)]
    for position, part in enumerate(parts):
        if isinstance(part, int) and parts[position - 1] in _TABLE_LISTS:
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
    if kind == "tuple_type" and isinstance(value, dict) and details["loc"][-1] in _TABLE_LISTS:
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
    if kind == "tuple_type" and details["loc"][-1] not in _TABLE_LISTS:
        return f"{value} is of the wrong type.", "Write a list of texts in quotes."
    if expected := _EXPECTED.get(kind):
        return f"{value} is of the wrong type.", f"Write {expected}."
    return f"{value} does not fit: {details['msg']}.", ""


def _quoted(guestinfo: Mapping[str, Any], table: str, findings: list[Finding]) -> dict[str, Any]:
    """`guestinfo` with the keys that TOML has parted at their dots, for want of quotes, made whole."""
    whole: dict[str, Any] = {}
    levels: list[tuple[str, Any]] = list(guestinfo.items())[::-1]
    while levels:
        key, value = levels.pop()
        if isinstance(value, dict) and value and key.count(".") < _MOST_DOTS:
            levels += [(f"{key}.{inner}", below) for inner, below in list(value.items())[::-1]]
            continue
        if key not in guestinfo and not isinstance(value, dict):
            cure = f'Write "{key}".'
            findings.append(Finding(f"[{table}.guestinfo] {key}", "is not in quotes, and its dots part it.", cure))
        whole[key] = value
    return whole


def _home(details: ErrorDetails, table: str) -> str:
    """The table that a misplaced key belongs in, in its brackets; "" if it is like no other, or not misplaced."""
    location = details["loc"]
    if details["type"] == "extra_forbidden":
        key = location[-1]
        if isinstance(details["input"], dict | list) and near(str(key), _keys(location)):
            return ""  # [[network]] for [[networks]]
    elif location[:1] == ("guestinfo",) and location[-1] == "[key]":
        key = location[-2]
    else:
        return ""
    path = _HOMES.get(str(key))
    if path is None:
        return ""
    heading = ".".join([table, *path])
    return f"[[{heading}]]" if path and path[-1] in _TABLE_LISTS else f"[{heading}]"


def _keys(location: Location) -> list[str]:
    """The keys of the table that holds what is at `location`."""
    path = tuple(part for part in location[:-1] if isinstance(part, str))
    return [key for key in _INNER.get(path, Fleet).model_fields if path or key != "name"]


def _meant(location: Location) -> Location:
    """Where the value of a key that is not known may belong; () if it is like no other."""
    found = near(str(location[-1]), _keys(location))
    return (*location[:-1], found) if found else ()
