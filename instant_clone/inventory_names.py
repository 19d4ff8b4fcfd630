# SPDX-License-Identifier: MPL-2.0
"""Conversion of inventory names between the displayed form, the form in vCenter and the patterns of govmomi's finder.

vCenter stores the percent sign, slash and backslash in a name as %25, %2f and %5c (vSphere API reference,
ManagedEntity.name). The stock provider looks up names and inventory paths with govmomi's finder (find/recurser.go). The
finder interprets each part of a path as a pattern of Go's path.Match. In such a pattern, `*`, `?`, `[` and the
backslash are special characters. A backslash makes the next character literal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "FINDER_SPECIAL",
    "finder_pattern",
    "managed_object_id",
    "matched_path",
    "plain_name",
    "stored_name",
    "stored_path",
]

_ROOTS = ("datastore", "host", "network", "vm")
"""The folders of a datacenter. Relative paths start in one of these folders."""
_ESCAPES = {"%25": "%", "%2f": "/", "%5c": "\\"}
_PLAIN_PERCENT = re.compile("%(?!25|2f|5c)", re.IGNORECASE)
FINDER_SPECIAL = (
    r"^\."
    r"|^(?:datacenter|datastore|domain|dvportgroup|dvs|group|host|network|resgroup|vm)-[a-z]?[0-9]+$"
    r"|^[A-Z][A-Za-z]*:"
    r"|[*?\[\\]"
)
"""A regular expression for the text that the finder does not interpret literally.

The expression is valid for Python's re and for Terraform's replace(). A backslash before the match makes the text
literal. The alternatives are:
- A leading dot. With it, the path starts at the root folder instead of the folder of the datacenter (list/path.go,
  ToParts).
- The form of a managed object ID, such as "network-12", and of a reference, such as "Network:network-12". The finder
  returns the object with this ID (object/common.go, ReferenceFromString, since govmomi 0.46).
- The special characters of path.Match.
"""


def plain_name(name: str) -> str:
    """Return the displayed form of a name, without the escapes of vCenter in upper or lower case."""
    return re.sub("%(?:25|2f|5c)", lambda found: _ESCAPES[found[0].lower()], name, flags=re.IGNORECASE)


def stored_name(name: str) -> str:
    """Return the form in which vCenter stores `name`. `name` must not contain escapes."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def stored_path(path: str) -> str:
    """Return the form in which vCenter stores a path or a name that a user wrote.

    A slash separates the parts of a path. The user must write a slash in a name as %2f. A percent sign that is not the
    start of an escape is a literal percent sign, as in the methods of vSphere (API reference,
    ManagedEntity.Rename_Task).
    """
    return _PLAIN_PERCENT.sub("%25", path).replace("\\", "%5c")


def managed_object_id(text: str) -> str | None:
    """Return the managed object id in "moid:network-12", or None for a name or a path."""
    return text.removeprefix("moid:") or None if text.startswith("moid:") else None


def finder_pattern(path: str) -> str:
    """Return the pattern with which govmomi's finder finds only the object at `path`.

    `path` is a name, a relative inventory path or an absolute inventory path, in the form in which vCenter stores it.
    """
    pattern = re.sub(FINDER_SPECIAL, r"\\\g<0>", path)
    folders, slash, name = pattern.rpartition("/")
    if slash and name[:1] not in ("", "\\") and _can_match_higher_folder(path.split("/")[:-1]):
        return f"{folders}/\\{name}"
    return pattern


def _can_match_higher_folder(folders: Sequence[str]) -> bool:
    """Return whether the finder can also find an object in a folder above the last folder of `folders`.

    The finder compares the name of an object with the pattern. If the name does not match, it compares the end of the
    object's path with the remaining parts of the pattern as text (find/recurser.go, "name contains a '/'").
    For the pattern /DC0/vm/a/a/x, the finder also finds /DC0/vm/a/x. A backslash in the last part makes the texts
    different.
    """
    if folders and folders[0] and any(folder in _ROOTS for folder in folders):
        return True  # the folders above a relative path are unknown
    return any(
        folders[start : start + length] == folders[start + length : start + 2 * length]
        for length in range(1, len(folders) // 2 + 1)
        for start in range(len(folders) - 2 * length + 1)
    )


def matched_path(pattern: str) -> str:
    """Return the path for which `finder_pattern` returned `pattern`. Names in vCenter contain no backslash."""
    return re.sub(r"\\(.)", r"\1", pattern)
