"""The single values of fleets.toml: their types, each with the check that its meaning asks for.

A check that fails raises `problem`, whose context carries what is wrong and the cure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from instant_clone.versions import NEWEST_CHECKED, OLDEST_SUPPORTED, ProviderVersion

__all__ = [
    "MOST_CLONES",
    "Count",
    "FleetName",
    "GuestinfoKey",
    "GuestinfoPattern",
    "MemberIndexes",
    "Minutes",
    "NamePattern",
    "PositiveMinutes",
    "ProviderAddress",
    "RecordPath",
    "RelativePath",
    "Release",
    "ResourceName",
    "Text",
    "fill",
    "member_indexes",
    "release",
]

NAME_PLACEHOLDERS = ("fleet", "index")
GUESTINFO_PLACEHOLDERS = ("name", "index", "source", "fleet")
MOST_CLONES = 100_000
"""far beyond what one vCenter registers: a slip of the keyboard is not to fill the memory"""


def problem(what: str, cure: str) -> PydanticCustomError:
    """An error of one value: what is wrong with it, and what to do about it."""
    return PydanticCustomError("fleet_value", "{what}", {"what": what, "cure": cure})


def fill(pattern: str, values: Mapping[str, str | int]) -> str:
    """`pattern` with its placeholders replaced: `{index:02d}` by values["index"], `{{` by a brace."""
    return pattern.format_map(values)


def member_indexes(text: str) -> tuple[int, ...]:
    """The indexes that a text such as "0-9,12" names, ascending."""
    indexes: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part, re.ASCII)
        if match is None:
            raise problem(f"{part.strip()!r} is neither an index nor a range.", 'Write them as in "0-9,12".')
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise problem(f"the range {part.strip()!r} runs backwards.", f'Write "{last}-{first}".')
        if len(indexes) + last - first >= MOST_CLONES:
            raise problem(f"{text!r} names more than {MOST_CLONES} clones.", "Name fewer.")
        if twice := indexes.intersection(range(first, last + 1)):
            raise problem(f"{text!r} names index {min(twice)} twice.", "Name each index once.")
        indexes.update(range(first, last + 1))
    return tuple(sorted(indexes))


def release(value: object) -> ProviderVersion:
    """The stock provider's release that a text names."""
    if isinstance(value, ProviderVersion):
        return value
    if not isinstance(value, str):
        raise problem(f"{value!r} is not a text.", f'Write a release in quotes, such as "{NEWEST_CHECKED}".')
    try:
        version = ProviderVersion.parse(value)
    except ValueError:
        raise problem(f"{value!r} is not a release.", f'Write one such as "{NEWEST_CHECKED}".') from None
    if version < OLDEST_SUPPORTED or version.major >= 3:
        raise problem(
            f"release {version} is not supported.", f"Use one from {OLDEST_SUPPORTED} up to, but not including, 3.0.0."
        )
    return version


def _pattern(pattern: str, allowed: tuple[str, ...]) -> str:
    known = ", ".join(f"{{{name}}}" for name in allowed)
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError:
        raise problem(
            f"{pattern!r} has a brace without its partner.", "Write {{ or }} for a brace that is meant as such."
        ) from None
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if field not in allowed:
            raise problem(f"{{{field}}} in {pattern!r} is no placeholder here.", f"There are {known}.")
        # A width of more than two digits is no part of a name, and would cost memory without bound.
        if conversion or (spec and not (field == "index" and re.fullmatch(r"0?\d{0,2}[dxX]?", spec, re.ASCII))):
            raise problem(
                f"{pattern!r} formats {{{field}}} in a way that is not known.",
                "Only {index} takes a format, such as {index:02d}.",
            )
    return pattern


def _name_pattern(pattern: str) -> str:
    return _pattern(pattern, NAME_PLACEHOLDERS)


def _guestinfo_pattern(pattern: str) -> str:
    return _pattern(pattern, GUESTINFO_PLACEHOLDERS)


def _guestinfo_key(key: str) -> str:
    # VMware Tools hand only keys of this prefix to the guest; all others are settings of the VM itself.
    if not re.fullmatch(r"guestinfo\.\S+", key):
        raise problem(f"{key!r} does not reach the guest.", "Let the key begin with guestinfo. and have no blanks.")
    return key


def _provider_address(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+", value):
        raise problem(
            f"{value!r} is not a provider's address.",
            'Write host, namespace and type, such as "instantclone.internal/fleet/vsphere".',
        )
    return value


def _relative_path(value: str) -> str:
    if value and any(part in ("", ".", "..") for part in value.split("/")):
        raise problem(f"{value!r} is not a relative path.", "Put / between its parts, not before or after them.")
    return value


def _resource_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", value):
        raise problem(
            f"{value!r} cannot name a Terraform resource.",
            "Use letters, digits, _ and -, and begin with a letter or _.",
        )
    return value


def _fleet_name(value: str) -> str:
    # It names a stack on cdktf's command line, where a leading - would begin an option.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", value):
        raise problem(f"{value!r} cannot name a fleet.", "Use letters, digits, _ and -, and do not begin with -.")
    return value


def _members(text: str) -> str:
    member_indexes(text)
    return text


Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(strict=True, ge=0, le=MOST_CLONES)]
Minutes = Annotated[int, Field(strict=True, ge=0)]
PositiveMinutes = Annotated[int, Field(strict=True, ge=1)]
Release = Annotated[ProviderVersion, BeforeValidator(release)]
ProviderAddress = Annotated[str, AfterValidator(_provider_address)]
FleetName = Annotated[str, AfterValidator(_fleet_name)]
ResourceName = Annotated[str, AfterValidator(_resource_name)]
RelativePath = Annotated[str, AfterValidator(_relative_path)]
RecordPath = Annotated[Text, AfterValidator(_relative_path)]
NamePattern = Annotated[Text, AfterValidator(_name_pattern)]
GuestinfoKey = Annotated[str, AfterValidator(_guestinfo_key)]
GuestinfoPattern = Annotated[str, AfterValidator(_guestinfo_pattern)]
MemberIndexes = Annotated[str, AfterValidator(_members)]
