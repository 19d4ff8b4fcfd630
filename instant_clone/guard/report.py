# SPDX-License-Identifier: MPL-2.0
"""What was found in a plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Clones", "Finding", "Kind", "Report", "Severity"]


class Kind(StrEnum):
    """What a change does to a clone."""

    REBOOT = "reboot"
    """it is powered off and on"""
    REPLACE = "replace"
    """it is destroyed and made anew"""
    MOVE = "move"
    """it, or a disk of it, goes elsewhere"""
    DISK = "disk"
    """a disk is taken from it"""
    REFUSED = "refused"
    """vCenter or the provider refuses it while the clone runs: the apply fails, the clone stays as it is"""
    UNKNOWN = "unknown"
    """nothing is known of the argument, so that the change may power the clone off"""
    SHARING = "sharing"
    """it may lose the host that it shares with its source, or has lost it"""


class Severity(StrEnum):
    """What a finding means for the exit code."""

    ERROR = "error"
    WARNING = "warning"
    ALLOWED = "allowed"
    """an error of a kind that is let through"""


@dataclass(frozen=True)
class Finding:
    """One change of one resource."""

    address: str
    """the resource's, such as 'vsphere_virtual_machine.web["web-00"]' """
    kind: Kind
    severity: Severity
    argument: str
    """such as "disk[1].size"; empty where it is about the resource as a whole"""
    old: object
    """a JSON value; "(sensitive)", "(known after apply)" and "(not shown)" stand for others"""
    new: object
    reason: str
    """one or two sentences"""


@dataclass(frozen=True)
class Clones:
    """How many clones a plan leaves alone, and so on."""

    unchanged: int = 0
    updated: int = 0
    created: int = 0
    replaced: int = 0
    destroyed: int = 0
    forgotten: int = 0
    """taken out of the state only"""

    @property
    def total(self) -> int:
        """All that the plan knows."""
        return self.unchanged + self.updated + self.created + self.replaced + self.destroyed + self.forgotten


@dataclass(frozen=True)
class Report:
    """All that was found."""

    clones: Clones = Clones()
    findings: tuple[Finding, ...] = field(default=())

    def having(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)

    @property
    def passed(self) -> bool:
        """Whether there is no error."""
        return not self.having(Severity.ERROR)
