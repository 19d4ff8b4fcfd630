# SPDX-License-Identifier: MPL-2.0
"""The errors a user can meet.

    InstantCloneError
    ├── FleetFileError      fleets.toml is missing, is not TOML, or says what cannot be
    ├── RecordError         a record is missing, unreadable or of another schema
    ├── ReplicaError        a source that no plan of the stock provider can repeat
    ├── VcenterError        vCenter cannot be reached, refuses, or does not have what is asked for
    │   ├── ConnectError    no connection, or a certificate that cannot be verified
    │   ├── LoginError      user or password refused
    │   ├── NotFoundError   no such object
    │   └── CloneError      an instant clone that vCenter refused or that failed
    ├── InstallError        the provider plugin cannot be installed, or is not
    ├── PlanError           there is no plan to judge (guard/plan.py)
    └── MissingExtraError   a command needs an optional dependency that is not installed (cli/groups.py)

Each is raised with all findings at once; `str()` is the whole message for the user.
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
    """One thing that is wrong.

    `where` names the place in the user's words (a fleet and key, an object's inventory path, a file),
    `what` is a sentence that says what is wrong, `cure` one that says what to do about it.
    """

    where: str
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}:" if self.where else "", self.what, self.cure) if part)


class InstantCloneError(Exception):
    """An error that the user can do something about: raised with one or several findings, or one sentence."""

    def __init__(self, *findings: Finding | str) -> None:
        self.findings: Sequence[Finding] = tuple(
            Finding("", finding) if isinstance(finding, str) else finding for finding in findings
        )
        super().__init__("\n".join(str(finding) for finding in self.findings))


class FleetFileError(InstantCloneError):
    """fleets.toml is missing, is not TOML, or says what cannot be."""


class RecordError(InstantCloneError):
    """A record is missing, unreadable or of another schema version."""


class ReplicaError(InstantCloneError):
    """A source that no plan of the stock provider, or of the release in use, can repeat exactly."""


class VcenterError(InstantCloneError):
    """vCenter cannot be reached, refuses, or does not have what is asked for."""


class ConnectError(VcenterError):
    """No connection to vCenter, or a certificate that cannot be verified."""


class LoginError(VcenterError):
    """vCenter refuses the user or the password."""


class NotFoundError(VcenterError):
    """vCenter has no such object."""


class CloneError(VcenterError):
    """An instant clone that vCenter refused, or that failed.

    `summary` is a heading of a few words, if there is a better one than for all of these; `argument` is the argument of
    the resource that it is about, such as "datastore_id" or "instantclone.source_uuid".
    """

    def __init__(self, *findings: Finding | str, summary: str = "", argument: str = "") -> None:
        super().__init__(*findings)
        self.summary, self.argument = summary, argument


class InstallError(InstantCloneError):
    """The provider plugin cannot be installed, or is not installed."""
