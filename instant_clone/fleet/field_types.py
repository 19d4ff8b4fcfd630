# SPDX-License-Identifier: MPL-2.0
"""Types of the values in fleets.toml, and the validation of each single value.

A failed validation raises the error that `problem` returns. The context of the error contains the problem and the cure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, StringConstraints
from pydantic_core import PydanticCustomError

from instant_clone.fleet.control_characters import control_character
from instant_clone.inventory_names import stored_path
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import top_level
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.stock_provider.releases import DEFAULT_RELEASE, OLDEST_SUPPORTED, ProviderVersion

__all__ = [
    "MOST_CLONES",
    "Argument",
    "AttributeName",
    "Count",
    "DriftProperty",
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
    "RelativePath",
    "Release",
    "ResourceName",
    "SentText",
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
"""The maximum number of clones of one source. vCenter supports far fewer VMs.

The limit keeps a typing error from exhausting the memory.
"""
LARGEST_NUMBER = 2**31 - 1
"""The vSphere API uses signed 32-bit integers."""
MOST_MINUTES = 365 * 24 * 60
LARGEST_DISK = 62 * 1024
"""The maximum size of a VMDK in GiB (62 TiB)."""
OWN_GUESTINFO = "guestinfo.instantclone."
"""The prefix of the guestinfo keys that tag a clone with its owner."""
LONGEST_WORD = 100
"""The maximum length of a word that `near` compares. The comparison of a longer word takes time and finds no match."""
IGNORABLE = tuple(sorted({INSTANTCLONE, *top_level(lambda argument: argument.role is not Role.OUTPUT)}))
"""The values that `ignore_changes` accepts: the arguments of vsphere_virtual_machine and the block of the plugin."""

IGNORABLE_DRIFT = ("annotation",)
"""The values that `ignore_drift` accepts: properties of a source, as the record names them.

vSphere changes the annotation of a running VM, so clones need not have the annotation of the source. Other properties
identify the source, or the clones cannot have other values while they run.
"""


class Frozen(BaseModel):
    """A frozen model of a table that rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def problem(what: str, cure: str) -> PydanticCustomError:
    """Return a validation error for one value, with the problem and the cure as sentences."""
    return PydanticCustomError("fleet_value", "{what}", {"what": what, "cure": cure})


def shown(value: object) -> str:
    """Return `value` as it is written in TOML, or a description of a long or nested value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > 10**20:
        return "this number"  # Python does not convert an int with thousands of digits to a string
    if isinstance(value, (str, int, float)):
        return repr(value)
    return "a table" if isinstance(value, dict) else "this value"


def near(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Return the known word that is most similar to `word`, or None.

    `likeness` is the minimum ratio of difflib, from 0 to 1. The ratio of equal words is 1.
    """
    if len(word) > LONGEST_WORD:
        return None
    spellings = {each.lower(): each for each in known}
    found = get_close_matches(word.lower(), spellings, n=1, cutoff=likeness)
    return spellings[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return a question that suggests the most similar known word, or an empty string."""
    found = near(word, known, likeness=likeness)
    return f'Did you mean "{found}"?' if found else ""


def member_indexes(text: str) -> tuple[int, ...]:
    """Return the indexes in a string such as "0-9,12", in ascending order.

    Raises:
        PydanticCustomError: a part is not an index or an ascending range, an index occurs twice, or the string has more
            than MOST_CLONES indexes.
    """
    indexes: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part, re.ASCII)
        if match is None:
            cure = 'Use indexes and ranges, as in "0-9,12".'
            raise problem(f"{part.strip()!r} is not an index or a range.", cure)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise problem(f"the range {part.strip()!r} is descending.", f'Use "{last}-{first}".')
        if len(indexes) + last - first >= MOST_CLONES:
            raise problem(f"{text!r} has more than {MOST_CLONES} indexes.", f"Use at most {MOST_CLONES} indexes.")
        if twice := indexes.intersection(range(first, last + 1)):
            raise problem(f"{text!r} contains index {min(twice)} twice.", "List each index once.")
        indexes.update(range(first, last + 1))
    return tuple(sorted(indexes))


def release(value: object) -> ProviderVersion:
    """Return the release of the stock provider for a string such as "2.16.1".

    Raises:
        PydanticCustomError: `value` is not a string, is not a release, or is a release that is not supported.
    """
    if isinstance(value, ProviderVersion):
        return value
    if not isinstance(value, str):
        raise problem(f"{shown(value)} is not a string.", f'Use a release in quotes, such as "{DEFAULT_RELEASE}".')
    try:
        version = ProviderVersion(value)
    except ValueError:
        raise problem(f"{value!r} is not a release.", f'Use a release such as "{DEFAULT_RELEASE}".') from None
    if version < OLDEST_SUPPORTED or version.major >= 3:
        raise problem(f"release {version} is not supported.", f"Use a release >= {OLDEST_SUPPORTED} and < 3.0.0.")
    return version


def _sent_text(value: str) -> str:
    if what := control_character(value):
        raise problem(f"the value contains {what}", "Remove the character.")
    return value


def _guestinfo_key(key: str) -> str:
    if what := control_character(key):
        raise problem(f"the key contains {what}", "Remove the character.")
    # VMware Tools pass only keys with this prefix to the guest. Keys without it are settings of the VM.
    if not re.fullmatch(r"guestinfo\.\S+", key):
        cure = 'Start the key with "guestinfo." and use no whitespace.'
        raise problem(f"{key!r} is not visible to the guest.", cure)
    if key.lower().startswith(OWN_GUESTINFO):
        cure = f'Use a key that does not start with "{OWN_GUESTINFO}".'
        raise problem(f"{key!r} is reserved for the ownership tags of clones.", cure)
    return key


def _provider_address(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+", value):
        raise problem(
            f"{value!r} is not a provider source address.",
            'Use HOSTNAME/NAMESPACE/TYPE, such as "instantclone.internal/fleet/vsphere".',
        )
    return value


def _relative_path(value: str) -> str:
    if value and any(part in ("", ".", "..") for part in value.split("/")):
        cure = "Do not start or end the path with /, and do not use //, . or .. in the path."
        raise problem(f"{value!r} is not a simple relative path.", cure)
    return value


def _folder(value: str) -> str:
    if inventory_path := re.fullmatch(r"/[^/]+/vm/(.+)", value):
        cure = f'Use the path relative to the VM folder of the datacenter: "{inventory_path[1].strip("/")}".'
        raise problem(f"{value!r} is an absolute inventory path.", cure)
    return stored_path(_relative_path(value))


def _resource_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", value):
        raise problem(
            f"{value!r} is not a valid name of a Terraform resource.",
            "Use letters, digits, _ and -, and start with a letter or _.",
        )
    return value


def _fleet_name(value: str) -> str:
    # The name of a fleet is a stack name on the command line of cdktf, where a leading - starts an option.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", value):
        raise problem(f"{value!r} is not a valid fleet name.", "Use letters, digits, _ and -, and do not start with -.")
    return value


def _vm_reference(value: str) -> str:
    kind, found, identifier = value.partition(":")
    if not found or kind not in ("uuid", "moid"):
        return value
    if kind == "moid" and not re.fullmatch(r"\S+", identifier):
        raise problem(f"{value!r} contains no managed object ID.", 'Use a reference such as "moid:vm-42".')
    if kind == "uuid" and not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", identifier):
        cure = 'Use a reference such as "uuid:4210a5c8-7e3f-0d5c-93a1-2f6d8c0b1e47".'
        raise problem(f"{value!r} contains no valid UUID.", cure)
    return value


def _tag(value: str) -> str:
    category, _, name = value.partition("/")
    if not category.strip() or not name.strip():
        raise problem(f"{value!r} is not a valid tag.", 'Use the form "category/name", such as "environment/lab".')
    return value


def _attribute_name(value: str) -> str:
    if not value.strip():
        raise problem("the name of a custom attribute is empty.", "Enter a name.")
    return value


def _argument(value: str) -> str:
    if value not in IGNORABLE:
        cure = suggestion(value, IGNORABLE) or "Use the name of a top-level argument, without brackets or dots."
        raise problem(f"{value!r} is not an argument of vsphere_virtual_machine.", cure)
    return value


def _drift(value: str) -> str:
    if value not in IGNORABLE_DRIFT:
        cure = f"Use {' or '.join(IGNORABLE_DRIFT)}. Every other property of a source must match its record."
        raise problem(f"{value!r} cannot be ignored.", cure)
    return value


def _members(text: str) -> str:
    member_indexes(text)
    return text


Text = Annotated[str, StringConstraints(min_length=1)]
SentText = Annotated[str, AfterValidator(_sent_text)]
"""A text that is sent to vCenter unchanged."""
InventoryName = Annotated[Text, AfterValidator(stored_path)]
"""The name or inventory path of an object, in the form in which vCenter stores it."""
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
FolderPath = Annotated[SentText, AfterValidator(_folder)]
RelativePath = Annotated[Text, AfterValidator(_relative_path)]
GuestinfoKey = Annotated[str, AfterValidator(_guestinfo_key)]
MemberIndexes = Annotated[str, AfterValidator(_members)]
VmReference = Annotated[Text, AfterValidator(_vm_reference)]
Tag = Annotated[str, AfterValidator(_tag)]
AttributeName = Annotated[str, AfterValidator(_attribute_name)]
Argument = Annotated[str, AfterValidator(_argument)]
DriftProperty = Annotated[str, AfterValidator(_drift)]
