# SPDX-License-Identifier: MPL-2.0
"""The result of the check of a plan."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import StrEnum

__all__ = ["Clones", "Finding", "Kind", "Report", "Severity"]


class Kind(StrEnum):
    """The effect of a change on a clone."""

    REBOOT = "reboot"
    """The provider powers the clone off and on."""
    REPLACE = "replace"
    """The clone is destroyed, and a new clone is created."""
    MOVE = "move"
    """The clone or one of its disks moves to another host, resource pool or datastore."""
    DISK = "disk"
    """The clone loses a disk."""
    REFUSED = "refused"
    """vCenter or the provider refuses the change while the clone runs. The apply fails, and the clone is unchanged."""
    UNKNOWN = "unknown"
    """The argument is unknown to the guard, so the change may power the clone off."""
    SHARING = "sharing"
    """The clone may leave its source's host, or has left it. It then shares no memory with its source."""


class Severity(StrEnum):
    """The effect of a finding on the exit code."""

    ERROR = "error"
    WARNING = "warning"
    ALLOWED = "allowed"
    """An error of a kind that the user allows."""


@dataclass(frozen=True)
class Finding:
    """A change of a resource and its effect."""

    address: str
    """The address of the resource, such as 'vsphere_virtual_machine.web["web-00"]'."""
    kind: Kind
    severity: Severity
    argument: str
    """The changed argument, such as "disk[1].size". It is empty for a change of the whole resource."""
    old: object
    """A JSON value, or one of "(sensitive)", "(known after apply)" and "(not shown)"."""
    new: object
    reason: str
    """The reason for the effect, in one or two sentences."""


@dataclass(frozen=True)
class Clones:
    """The number of clones by the action of the plan."""

    unchanged: int = 0
    updated: int = 0
    created: int = 0
    replaced: int = 0
    destroyed: int = 0
    forgotten: int = 0
    """Removed from the state without being destroyed."""

    @property
    def total(self) -> int:
        """Return the number of all clones in the plan."""
        return sum(astuple(self))


@dataclass(frozen=True)
class Report:
    """The findings of a plan, and the number of its clones."""

    clones: Clones = Clones()
    findings: tuple[Finding, ...] = ()

    def having(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    @property
    def passed(self) -> bool:
        """Return whether the report has no finding with the severity "error"."""
        return not self.having(Severity.ERROR)
