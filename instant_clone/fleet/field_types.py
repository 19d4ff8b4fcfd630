# SPDX-License-Identifier: MPL-2.0
"""The single values of fleets.toml: their types, each with the check that its meaning asks for.

A check that fails raises `problem`, whose context carries what is wrong and the cure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, StringConstraints
from pydantic_core import PydanticCustomError

from instant_clone.inventory_names import stored_path
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import top_level
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.stock_provider.releases import NEWEST_CHECKED, OLDEST_SUPPORTED, ProviderVersion

__all__ = [
    "MOST_CLONES",
    "Argument",
    "AttributeName",
    "Count",
    "FleetName",
    "FolderPath",
    "Frozen",
    "Gibibytes",
    "GuestinfoKey",
    "InventoryName",
    "Megabytes",
    "MemberIndexes",
    "Minutes",
    "Positive",
    "PositiveMinutes",
    "ProviderAddress",
    "RecordPath",
    "Release",
    "ResourceName",
    "Tag",
    "Text",
    "VmReference",
    "member_indexes",
    "near",
    "problem",
    "release",
    "shown",
    "suggestion",
]

MOST_CLONES = 100_000
"""far beyond what one vCenter registers: a slip of the keyboard is not to fill the memory"""
LARGEST_NUMBER = 2**31 - 1
"""of the 32-bit integers that vSphere's API takes"""
MOST_MINUTES = 365 * 24 * 60
LARGEST_DISK = 62 * 1024
"""GiB: a VMDK ends at 62 TB"""
OWN_GUESTINFO = "guestinfo.instantclone."
"""begins the keys that mark a clone as its stack's own"""
LONGEST_WORD = 100
"""no known word is nearly as long; comparing longer ones takes time and finds nothing"""
IGNORABLE = tuple(sorted({INSTANTCLONE, *top_level(lambda argument: argument.role is not Role.OUTPUT)}))
"""what a plan can leave alone: the arguments of vsphere_virtual_machine, and the plugin's own block"""


class Frozen(BaseModel):
    """A table whose keys are all known, and which nobody changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def problem(what: str, cure: str) -> PydanticCustomError:
    """An error of one value: what is wrong with it, and what to do about it."""
    return PydanticCustomError("fleet_value", "{what}", {"what": what, "cure": cure})


def shown(value: object) -> str:
    """`value` as the file's author knows it, unless it is long or has an inside."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > 10**20:
        return "this number"  # Python refuses to print thousands of digits
    if isinstance(value, (str, int, float)):
        return repr(value)
    return "a table" if isinstance(value, dict) else "this value"


def near(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known word that is most like `word`, if one is; `likeness` is difflib's ratio, of which 1 is the same."""
    if len(word) > LONGEST_WORD:
        return None
    spellings = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), spellings, n=1, cutoff=likeness)
    return spellings[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """A question for the word that may have been meant, or an empty text."""
    found = near(word, known, likeness=likeness)
    return f'Did you mean "{found}"?' if found else ""


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
        raise problem(f"{shown(value)} is not a text.", f'Write a release in quotes, such as "{NEWEST_CHECKED}".')
    try:
        version = ProviderVersion(value)
    except ValueError:
        raise problem(f"{value!r} is not a release.", f'Write one such as "{NEWEST_CHECKED}".') from None
    if version < OLDEST_SUPPORTED or version.major >= 3:
        raise problem(
            f"release {version} is not supported.", f"Use one from {OLDEST_SUPPORTED} up to, but not including, 3.0.0."
        )
    return version


def _guestinfo_key(key: str) -> str:
    # VMware Tools hand only keys of this prefix to the guest; all others are settings of the VM itself.
    if not re.fullmatch(r"guestinfo\.\S+", key):
        raise problem(f"{key!r} does not reach the guest.", "Let the key begin with guestinfo. and have no blanks.")
    if key.lower().startswith(OWN_GUESTINFO):
        raise problem(f"{key!r} is kept for the marks of the clones.", f"Begin it otherwise than {OWN_GUESTINFO}")
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


def _folder(value: str) -> str:
    if inventory_path := re.fullmatch(r"/[^/]+/vm/(.+)", value):
        cure = f'Write what is below the datacenter\'s VM folder: "{inventory_path[1].strip("/")}".'
        raise problem(f"{value!r} is not a relative path.", cure)
    return stored_path(_relative_path(value))


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


def _vm_reference(value: str) -> str:
    kind, found, identifier = value.partition(":")
    if not found or kind not in ("uuid", "moid"):
        return value
    if kind == "moid" and not re.fullmatch(r"\S+", identifier):
        raise problem(f"{value!r} has no managed object ID.", 'Write one such as "moid:vm-42".')
    if kind == "uuid" and not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", identifier):
        raise problem(f"{value!r} has no UUID.", 'Write one such as "uuid:4210a5c8-7e3f-0d5c-93a1-2f6d8c0b1e47".')
    return value


def _tag(value: str) -> str:
    category, _, name = value.partition("/")
    if not category.strip() or not name.strip():
        raise problem(f"{value!r} is not a tag.", 'Write category and name, such as "environment/lab".')
    return value


def _attribute_name(value: str) -> str:
    if not value.strip():
        raise problem("a custom attribute has no name.", "Write its name.")
    return value


def _argument(value: str) -> str:
    if value not in IGNORABLE:
        cure = suggestion(value, IGNORABLE) or "Write one of its names without brackets or dots."
        raise problem(f"{value!r} is not an argument of vsphere_virtual_machine.", cure)
    return value


def _members(text: str) -> str:
    member_indexes(text)
    return text


Text = Annotated[str, StringConstraints(min_length=1)]
InventoryName = Annotated[Text, AfterValidator(stored_path)]
"""a name or a path of objects in vCenter, as vCenter stores it"""
Count = Annotated[int, Field(strict=True, ge=0, le=MOST_CLONES)]
Positive = Annotated[int, Field(strict=True, ge=1, le=LARGEST_NUMBER)]
Minutes = Annotated[int, Field(strict=True, ge=0, le=MOST_MINUTES)]
PositiveMinutes = Annotated[int, Field(strict=True, ge=1, le=MOST_MINUTES)]
Megabytes = Annotated[int, Field(strict=True, ge=4, le=LARGEST_NUMBER, multiple_of=4)]
Gibibytes = Annotated[int, Field(strict=True, ge=1, le=LARGEST_DISK)]
Release = Annotated[InstanceOf[ProviderVersion], BeforeValidator(release)]
ProviderAddress = Annotated[str, AfterValidator(_provider_address)]
FleetName = Annotated[str, AfterValidator(_fleet_name)]
ResourceName = Annotated[str, AfterValidator(_resource_name)]
FolderPath = Annotated[str, AfterValidator(_folder)]
RecordPath = Annotated[Text, AfterValidator(_relative_path)]
GuestinfoKey = Annotated[str, AfterValidator(_guestinfo_key)]
MemberIndexes = Annotated[str, AfterValidator(_members)]
VmReference = Annotated[Text, AfterValidator(_vm_reference)]
Tag = Annotated[str, AfterValidator(_tag)]
AttributeName = Annotated[str, AfterValidator(_attribute_name)]
Argument = Annotated[str, AfterValidator(_argument)]
