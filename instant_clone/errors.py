# SPDX-License-Identifier: MPL-2.0
"""Errors that users can correct.

    InstantCloneError
    ├── FleetFileError      fleets.toml is missing, is not TOML, or has invalid content
    ├── RecordError         a record is missing, is unreadable, or has another schema version
    ├── ReplicaError        the stock provider cannot reproduce a source
    ├── VcenterError        vCenter is unreachable, rejects a request, or does not have an object
    │   ├── ConnectError    the connection fails, or a certificate cannot be verified
    │   ├── LoginError      vCenter rejects the user or the password
    │   ├── NotFoundError   vCenter does not have an object
    │   └── CloneError      vCenter rejects an instant clone, or the clone operation fails
    ├── InstallError        the provider plugin is not installed, or its installation fails
    ├── PlanError           there is no plan to check (guard/plan.py)
    └── MissingExtraError   a command needs an optional dependency that is not installed (cli/groups.py)

An error contains all findings of an operation. `str()` of an error is the complete message for the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "CloneError",
    "ConnectError",
    "Finding",
    "FleetFileError",
    "InstallError",
    "InstantCloneError",
    "LoginError",
    "NotFoundError",
    "RecordError",
    "ReplicaError",
    "VcenterError",
]


@dataclass(frozen=True)
class Finding:
    """A single problem, with its place and its cure."""

    where: str
    """The object with the problem: a fleet and key, an inventory path or a file."""
    what: str
    """The problem, as a sentence."""
    cure: str = ""
    """The action that corrects the problem, as a sentence."""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}:" if self.where else "", self.what, self.cure) if part)


class InstantCloneError(Exception):
    """An error that the user can correct. It has one or more findings, or messages without a place."""

    def __init__(self, *findings: Finding | str) -> None:
        self.findings: Sequence[Finding] = tuple(
            Finding("", finding) if isinstance(finding, str) else finding for finding in findings
        )
        super().__init__("\n".join(str(finding) for finding in self.findings))


class FleetFileError(InstantCloneError):
    """fleets.toml is missing, is not TOML, or has invalid content."""


class RecordError(InstantCloneError):
    """A record is missing, is unreadable, or has another schema version."""


class ReplicaError(InstantCloneError):
    """The stock provider, or the release in use, cannot reproduce a source exactly."""


class VcenterError(InstantCloneError):
    """vCenter is unreachable, rejects a request, or does not have an object."""


class ConnectError(VcenterError):
    """The connection to vCenter fails, or the certificate of vCenter cannot be verified."""


class LoginError(VcenterError):
    """vCenter rejects the user or the password."""


class NotFoundError(VcenterError):
    """vCenter does not have an object."""


class CloneError(VcenterError):
    """vCenter rejects an instant clone, or the clone operation fails.

    `summary` is a specific summary of the diagnostic in a few words. If it is empty, the diagnostic has the default
    summary of clone errors. `argument` is the argument of the resource that causes the error, such as "datastore_id" or
    "instantclone.source_uuid".
    """

    def __init__(self, *findings: Finding | str, summary: str = "", argument: str = "") -> None:
        super().__init__(*findings)
        self.summary, self.argument = summary, argument


class InstallError(InstantCloneError):
    """The provider plugin is not installed, or its installation fails."""
