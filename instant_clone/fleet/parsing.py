# SPDX-License-Identifier: MPL-2.0
"""Parsing of the tables in fleets.toml into models. A finding names the table and the key in the file.

This is the first of two phases. It validates each single value and returns all findings. In the second phase,
`instant_clone.fleet.checks` checks the combinations of values of the fleets without findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from instant_clone.errors import Finding
from instant_clone.fleet.field_types import Frozen, near, shown, suggestion
from instant_clone.fleet.guestinfo_values import VALUE_TAGS, GuestinfoTable
from instant_clone.fleet.model import AddedDisk, AddedNetwork, Changes, Fleet, Network, Source

__all__ = ["parse_fleet", "parse_table", "unknown_key"]

Location = tuple[int | str, ...]

_CREDENTIALS = frozenset(
    ("server", "user", "username", "password", "vsphere_server", "vsphere_user", "vsphere_password")
)
_TABLE_LISTS = ("sources", "networks", "disks")
"""The keys of lists of tables. All other lists are lists of strings."""
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "int_type": "an integer without quotes",
    "model_type": "a table",
    "string_type": "a string in quotes",
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
"""The path of the table that accepts each key. If several tables accept it, the path is that of the outermost one."""
_MOST_DOTS = 10
"""The maximum number of dots in a guestinfo key without quotes. `_quoted` does not join deeper tables to a key."""

_Model = TypeVar("_Model", bound=Frozen)


def parse_table(model: type[_Model], value: object, table: str, findings: list[Finding]) -> _Model | None:
    """Return `value` as a `model`. If it is not valid, return None and add the errors to `findings`."""
    if not isinstance(value, dict):
        findings.append(Finding(table, "is not a table.", f"Start the table with [{table}]."))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        findings += (_finding(details, table=table, keys=model.model_fields) for details in error.errors())
        return None


def parse_fleet(name: str, value: object, findings: list[Finding]) -> Fleet | None:
    """Return the fleet `name`. If it is not valid, return None and add the errors to `findings`."""
    table = f"fleets.{name}"
    if not isinstance(value, dict):
        return parse_table(Fleet, value, table, findings)
    keys = [key for key in Fleet.model_fields if key != "name"]
    if "name" in value:
        findings.append(Finding(f"[{table}] name", *unknown_key("name", keys)))
    content: Any = {**value, "name": name}
    if isinstance(guestinfo := value.get("guestinfo"), dict):
        content["guestinfo"] = _quoted(guestinfo, table, findings)
    try:
        return Fleet.model_validate(content)
    except ValidationError as error:
        errors = [_without_tag(details) for details in error.errors()]
    likely = {_likely_location(details["loc"]) for details in errors if details["type"] == "extra_forbidden"}
    # A misplaced key in guestinfo causes one finding. Its value causes no second finding.
    misplaced = {details["loc"][:-1] for details in errors if _home(details, table) and "[key]" in details["loc"]}
    findings += (
        _finding(details, table=table, keys=_keys(details["loc"]), home=_home(details, table))
        for details in errors
        if not (details["type"] == "missing" and details["loc"] in likely) and details["loc"] not in misplaced
    )
    return None


def _finding(details: ErrorDetails, *, table: str, keys: Iterable[str], home: str = "") -> Finding:
    """Return a finding for an error of pydantic in `table`, such as "fleets.web".

    `keys` are the valid keys of the table with the error. `home` is the table that accepts a misplaced key.
    """
    what, cure = _brackets(details, table) or _sentences(details, keys, home)
    return Finding(_place(table, details["loc"]), what, cure)


def unknown_key(key: str, keys: Iterable[str], *, home: str = "") -> tuple[str, str]:
    """Return the problem with an unknown `key`, and the cure. The value of the key can be a secret and is not shown."""
    known = list(keys)
    if key.lower() in _CREDENTIALS:
        cure = "Remove it, and set credentials only in VSPHERE_SERVER, VSPHERE_USER and VSPHERE_PASSWORD."
    elif home:
        cure = f"Move it to {home}."
    else:
        cure = suggestion(key, known) or f"Valid keys are {', '.join(known)}."
    return "unknown key.", cure


def _place(table: str, location: tuple[int | str, ...]) -> str:
    """Return the place of a value in the file.

    Examples are `[fleets.web] names`, `[fleets.web.guestinfo] KEY` and `[[fleets.web.sources]] number 1, vm`.
    """
    # The name of a fleet is not a key in its table. An invalid key has the same place as its value.
    parts = [part for part in location if part != "[key]" and location != ("name",)]
    for position, part in enumerate(parts):
        if isinstance(part, int) and parts[position - 1] in _TABLE_LISTS:
            inside = ".".join([table, *map(str, parts[:position])])
            return ", ".join((f"[[{inside}]] number {part + 1}", *_key(parts[position + 1 :])))
    if not parts:
        return f"[{table}]"
    if parts[0] == "guestinfo" and len(parts) > 1:
        return f"[{table}.guestinfo] {', '.join(_key(parts[1:]))}"
    last = max(position for position, part in enumerate(parts) if isinstance(part, str))
    return " ".join((f"[{'.'.join([table, *map(str, parts[:last])])}]", *_key(parts[last:])))


def _key(parts: list[int | str]) -> list[str]:
    """Return the texts for the parts of a location. The position in a list is counted from 1."""
    texts = (f"number {part + 1}" if isinstance(part, int) else part for part in parts)
    return [text if text.isprintable() else ascii(text) for text in texts]


def _brackets(details: ErrorDetails, table: str) -> tuple[str, str] | None:
    """Return the problem and the cure if a heading has the wrong number of brackets. Return None for other errors."""
    kind, value = details["type"], details["input"]
    path = ".".join([table, *map(str, details["loc"])])
    if kind == "tuple_type" and isinstance(value, dict) and details["loc"][-1] in _TABLE_LISTS:
        return "is a table instead of a list of tables.", f"Start each table with [[{path}]], in double brackets."
    if kind in ("dict_type", "model_type") and isinstance(value, list) and value and isinstance(value[0], dict):
        return "is a list of tables instead of a table.", f"Start the table with [{path}], in single brackets."
    return None


def _sentences(details: ErrorDetails, keys: Iterable[str], home: str) -> tuple[str, str]:
    kind = details["type"]
    context: Mapping[str, Any] = details.get("ctx", {})
    value = shown(details["input"])
    if kind == "fleet_value":
        return context["what"], f"Move it to {home}." if home else context["cure"]
    if kind == "missing":
        return "is missing.", "Add the key."
    if kind == "extra_forbidden":
        return unknown_key(str(details["loc"][-1]), keys, home=home)
    if kind == "string_too_short":
        return "is empty.", "Enter a value."
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{value} is out of range.", f"Use a number of {bound}."
    if kind == "multiple_of":
        cure = f"Use a multiple of {context['multiple_of']}; vSphere supports no other sizes."
        return f"{value} is not a multiple of {context['multiple_of']}.", cure
    if kind == "literal_error":
        return f"{value} is not a valid value.", f"Use {context['expected']}."
    if kind == "tuple_type" and details["loc"][-1] not in _TABLE_LISTS:
        return f"{value} has the wrong type.", "Use a list of strings in quotes."
    if expected := _EXPECTED.get(kind):
        return f"{value} has the wrong type.", f"Use {expected}."
    return f"{value} is not valid: {details['msg']}.", ""


def _quoted(guestinfo: Mapping[str, Any], table: str, findings: list[Finding]) -> dict[str, Any]:
    """Return `guestinfo` with each key as one string. TOML splits an unquoted key at its dots into nested tables."""
    whole: dict[str, Any] = {}
    levels: list[tuple[str, Any]] = list(guestinfo.items())[::-1]
    while levels:
        key, value = levels.pop()
        is_value = isinstance(value, dict) and _is_guestinfo_table(key, value, quoted=key in guestinfo)
        if isinstance(value, dict) and value and not is_value and key.count(".") < _MOST_DOTS:
            levels += [(f"{key}.{inner}", below) for inner, below in list(value.items())[::-1]]
            continue
        if key not in guestinfo and (is_value or not isinstance(value, dict)):
            what = "is not in quotes, so TOML splits the key at its dots."
            findings.append(Finding(f"[{table}.guestinfo] {key}", what, f'Write "{key}", in quotes.'))
        whole[key] = value
    return whole


def _is_guestinfo_table(key: str, value: Mapping[str, Any], *, quoted: bool) -> bool:
    """Return whether a table is the value of `key`. Otherwise it is the rest of a key that TOML has split.

    `quoted` is true if the whole key is in quotes. In a key without quotes, a part can have the name of a key of a
    guestinfo table, as in guestinfo.userdata.encoding.
    """
    keys = GuestinfoTable.model_fields
    if not key.startswith("guestinfo."):
        return False
    if quoted:
        return any(near(inner, keys, likeness=0.75) for inner in value)
    return value.keys() <= keys.keys() and any(inner != "encoding" for inner in value)


def _without_tag(details: ErrorDetails) -> ErrorDetails:
    """Return an error with its location in the file. pydantic adds a tag to the location of a guestinfo value."""
    location = details["loc"]
    if location[:1] == ("guestinfo",) and location[2:3] and location[2] in VALUE_TAGS:
        return {**details, "loc": (*location[:2], *location[3:])}
    return details


def _home(details: ErrorDetails, table: str) -> str:
    """Return the heading of the table that accepts a misplaced key, or "" for any other error."""
    location = details["loc"]
    if details["type"] == "extra_forbidden":
        key = location[-1]
        if isinstance(details["input"], dict | list) and near(str(key), _keys(location)):
            return ""  # a typing error, such as [[network]] instead of [[networks]]
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
    """Return the valid keys of the table that contains `location`."""
    path = tuple(part for part in location[:-1] if isinstance(part, str))
    if path[:1] == ("guestinfo",) and len(path) > 1 and location[-1] != "[key]":
        return list(GuestinfoTable.model_fields)
    return [key for key in _INNER.get(path, Fleet).model_fields if path or key != "name"]


def _likely_location(location: Location) -> Location:
    """Return the location of the valid key that is most similar to an unknown key, or ()."""
    found = near(str(location[-1]), _keys(location))
    return (*location[:-1], found) if found else ()
