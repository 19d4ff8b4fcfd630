"""Names of inventory objects: as people write them, as vCenter stores them, and as govmomi's finder matches them.

vCenter stores percent sign, slash and backslash in a name as %25, %2f and %5c (vSphere API reference,
ManagedEntity.name). The stock provider looks names and inventory paths up with govmomi's finder (find/recurser.go),
which takes each part of a path for a pattern of Go's path.Match: `*`, `?`, `[` and the backslash are special there. A
backslash makes the next character match itself.
"""

from __future__ import annotations

import re

__all__ = ["FINDER_SPECIAL", "finder_pattern", "matched_path", "plain_name", "stored_name", "stored_path"]

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
    return re.sub(FINDER_SPECIAL, r"\\\g<0>", path)


def matched_path(pattern: str) -> str:
    """Return the path that `finder_pattern` made `pattern` of; vCenter stores no name with a backslash."""
    return re.sub(r"\\(.)", r"\1", pattern)
