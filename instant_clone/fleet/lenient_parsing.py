# SPDX-License-Identifier: MPL-2.0
"""A fleet's table as far as it can be read, so that one faulty value does not hide what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from instant_clone.errors import Finding
from instant_clone.fleet.messages import TABLE_LISTS, finding, unknown_key
from instant_clone.fleet.model import Fleet
from instant_clone.fleet.suggestions import near
from instant_clone.fleet.tables import AddedDisk, AddedNetwork, Changes, Frozen, Network, Source

__all__ = ["Draft", "draft_fleet", "parsed"]

Location = tuple[int | str, ...]

_INNER: Mapping[tuple[str, ...], type[Frozen]] = {
    ("sources",): Source,
    ("networks",): Network,
    ("changes",): Changes,
    ("changes", "disks"): AddedDisk,
    ("changes", "networks"): AddedNetwork,
}
_STAND_INS: Mapping[str, Any] = {
    "name": "fleet",
    "datacenter": "-",
    "resource_pool": "-/Resources",
    "sources": [],
    "vm": "-",
    "size": 1,
    "network": "-",
}
"""what stands in for a value that is needed and not usable; checks leave it out, since its location is faulty"""
_HOMES: Mapping[str, tuple[str, ...]] = {
    **{key: path for path, model in list(_INNER.items())[::-1] for key in model.model_fields},
    **dict.fromkeys((key for key in Fleet.model_fields if key != "name"), ()),
}
"""the table that each key belongs in; the outer one where several have it"""
_MOST_DOTS = 10
"""in a key without quotes; deeper tables are not meant as keys"""
_ROUNDS = 8
"""mending a value can uncover a fault inside it or around it, but only as many as there are levels"""

_Model = TypeVar("_Model", bound=Frozen)


@dataclass(frozen=True)
class Draft:
    """A fleet, and where its table was at fault: what stands there is not what the file says."""

    fleet: Fleet
    faults: frozenset[Location] = frozenset()

    def sound(self, *location: int | str) -> bool:
        """Whether the value at `location` is the file's, with all that is in it."""
        return not any(fault[: len(location)] == location[: len(fault)] for fault in self.faults)


def parsed(model: type[_Model], value: object, table: str, findings: list[Finding]) -> _Model | None:
    """`value` as a `model` of plain values, or None with its faults added to `findings`."""
    if not isinstance(value, dict):
        findings.append(Finding(table, "is not a table.", f"Begin it with [{table}]."))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        findings += (finding(details, table=table, keys=model.model_fields) for details in error.errors())
        return None


def draft_fleet(name: str, value: object, findings: list[Finding]) -> Draft | None:
    """The fleet of this name, with its faults added to `findings`; None if nothing of it can be read."""
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
    faults: set[Location] = set()
    for attempt in range(_ROUNDS):
        try:
            fleet = Fleet.model_validate(content)
        except ValidationError as error:
            errors = error.errors()
        else:
            # Findings name the fleet as the file does, whatever stood in for a name that cannot be one.
            return Draft(fleet.model_copy(update={"name": name}), frozenset(faults))
        meant = {_meant(details["loc"]) for details in errors if details["type"] == "extra_forbidden"}
        if attempt == 0:
            # A key that strayed into guestinfo is told once, not its value as well.
            strayed = {details["loc"][:-1] for details in errors if _home(details, table) and "[key]" in details["loc"]}
            findings += (
                finding(details, table=table, keys=_keys(details["loc"]), home=_home(details, table))
                for details in errors
                if not (details["type"] == "missing" and details["loc"] in meant) and details["loc"] not in strayed
            )
        faults |= meant - {()}
        for details in errors:
            if details["type"] != "extra_forbidden":
                faults.add(_value(details["loc"]))
            content = _mended(content, _value(details["loc"]), details)
    return None


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
    return f"[[{heading}]]" if path and path[-1] in TABLE_LISTS else f"[{heading}]"


def _keys(location: Location) -> list[str]:
    """The keys of the table that holds what is at `location`."""
    path = tuple(part for part in location[:-1] if isinstance(part, str))
    return [key for key in _INNER.get(path, Fleet).model_fields if path or key != "name"]


def _meant(location: Location) -> Location:
    """Where the value of a key that is not known may belong; () if it is like no other."""
    found = near(str(location[-1]), _keys(location))
    return (*location[:-1], found) if found else ()


def _value(location: Location) -> Location:
    """The location of the value to replace: for a faulty key its value, for an item in a list of texts the list."""
    if location[-1:] == ("[key]",):
        return location[:-1]
    if len(location) > 1 and isinstance(location[-1], int) and location[-2] not in TABLE_LISTS:
        return location[:-1]
    return location


def _mended(content: Any, location: Location, details: ErrorDetails) -> Any:
    """`content` without the value at `location`, or with a stand-in where one is needed; nothing is copied twice."""
    key, inner = location[0], location[1:]
    if isinstance(content, list) and isinstance(key, int):
        mended = _mended(content[key], inner, details) if inner else {}
        return [*content[:key], mended, *content[key + 1 :]]
    if not isinstance(content, dict):  # mended already, by another fault in the same place
        return content
    if inner:
        return {**content, key: _mended(content[key], inner, details)} if key in content else content
    rest = {other: value for other, value in content.items() if other != key}
    needed = details["type"] != "extra_forbidden" and key in _STAND_INS
    return {**rest, key: _STAND_INS[str(key)]} if needed else rest
