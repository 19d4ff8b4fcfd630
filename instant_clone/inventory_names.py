# SPDX-License-Identifier: MPL-2.0
"""Names of inventory objects: as people write them, as vCenter stores them, and as govmomi's finder matches them.

vCenter stores percent sign, slash and backslash in a name as %25, %2f and %5c (vSphere API reference,
ManagedEntity.name). The stock provider looks names and inventory paths up with govmomi's finder (find/recurser.go),
which takes each part of a path for a pattern of Go's path.Match: `*`, `?`, `[` and the backslash are special there. A
backslash makes the next character match itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["FINDER_SPECIAL", "finder_pattern", "matched_path", "plain_name", "stored_name", "stored_path"]

_ROOTS = ("datastore", "host", "network", "vm")
"""the folders of a datacenter, below which relative paths begin"""
_ESCAPES = {"%25": "%", "%2f": "/", "%5c": "\\"}
_PLAIN_PERCENT = re.compile("%(?!25|2f|5c)", re.IGNORECASE)
FINDER_SPECIAL = (
    r"^\."
    r"|^(?:datacenter|datastore|domain|dvportgroup|dvs|group|host|network|resgroup|vm)-[a-z]?[0-9]+$"
    r"|^[A-Z][A-Za-z]*:"
    r"|[*?\[\\]"
)
"""What the finder does not take literally: a regular expression for Python's re and for Terraform's replace().

A backslash before the match makes the finder take it literally. The alternatives are:
- a leading dot: the path starts at the root folder instead of the datacenter's folder (list/path.go, ToParts);
- the form of a managed object id, such as "network-12", and of a reference, such as "Network:network-12": the finder
  asks for that object (object/common.go, ReferenceFromString; since govmomi 0.46);
- the characters that path.Match does not take literally.
"""


def plain_name(name: str) -> str:
    """Return a name as people read it: vCenter's escapes, in upper or lower case, become the characters."""
    return re.sub("%(?:25|2f|5c)", lambda found: _ESCAPES[found[0].lower()], name, flags=re.IGNORECASE)


def stored_name(name: str) -> str:
    """Return `name`, in which no character is escaped yet, as vCenter stores it."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def stored_path(path: str) -> str:
    """Return a path, or a name, that a user wrote as vCenter stores it.

    A slash separates the parts of a path, so one inside a name must be written as %2f. A percent sign that begins no
    escape stands for itself, as vSphere's own methods take it (API reference, ManagedEntity.Rename_Task).
    """
    return _PLAIN_PERCENT.sub("%25", path).replace("\\", "%5c")


def finder_pattern(path: str) -> str:
    """Return the pattern by which govmomi's finder finds the object at `path`, and no other one.

    `path` is a name or an inventory path, relative or absolute, as vCenter stores it.
    """
    pattern = re.sub(FINDER_SPECIAL, r"\\\g<0>", path)
    folders, slash, name = pattern.rpartition("/")
    if slash and name[:1] not in ("", "\\") and _may_repeat(path.split("/")[:-1]):
        return f"{folders}/\\{name}"
    return pattern


def _may_repeat(folders: Sequence[str]) -> bool:
    """Return whether the finder may also take an object that is some folders higher.

    Of an object whose name does not match, it compares the end of the whole path with the parts that are left, as text
    (find/recurser.go, "name contains a '/'"). For /DC0/vm/a/a/x that is true of /DC0/vm/a/x. A backslash in the last
    part makes the texts differ.
    """
    if folders and folders[0] and any(folder in _ROOTS for folder in folders):
        return True  # what is above a relative path is not known
    return any(
        folders[start : start + length] == folders[start + length : start + 2 * length]
        for length in range(1, len(folders) // 2 + 1)
        for start in range(len(folders) - 2 * length + 1)
    )


def matched_path(pattern: str) -> str:
    """Return the path that `finder_pattern` made `pattern` of; vCenter stores no name with a backslash."""
    return re.sub(r"\\(.)", r"\1", pattern)
