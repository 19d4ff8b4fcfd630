# SPDX-License-Identifier: MPL-2.0
"""What is noted while a source is put into the provider's words: refusals, warnings, what it has no words for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from instant_clone.errors import Finding
from instant_clone.versions import ProviderVersion, releases_where

__all__ = ["Block", "Draft", "Scalar", "never"]

Scalar = str | int | bool
Block = dict[str, Scalar]


def never(_version: ProviderVersion) -> bool:
    """For what no release can express."""
    return False


@dataclass
class Draft:
    """The notes of one replica for one release of the provider; `source` is the VM's inventory path."""

    source: str
    version: ProviderVersion
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ignore_changes: list[str] = field(default_factory=list)

    def require(self, can: Callable[[ProviderVersion], bool], place: str, what: str, *, cure: str = "") -> None:
        """Note a finding unless the release in use `can`, with the releases that can, or else `cure`, as its cure.

        `place` is a device or an argument of the source; "" is the VM itself.
        """
        if can(self.version):
            return
        releases = releases_where(can)
        if releases:
            cure = f"Use release {releases} of the vSphere provider."
        self.findings.append(Finding(f"{self.source}, {place}" if place else self.source, what, cure))

    def warn(self, place: str, what: str) -> None:
        """Note what a user should know of, although the clone is exact."""
        self.warnings.append(f"{self.source}, {place}: {what}" if place else f"{self.source}: {what}")

    def express(self, block: Block, at: str, argument: str, value: Scalar | None, default: Scalar | None) -> None:
        """Put `argument` into `block`, as the provider reads an unset one where `value` is None.

        The provider reads an unset bool as false. Any other unset value equals a missing argument without default;
        with one, no configuration equals it, and its changes have to be ignored. `at` is the block's path, such as
        "disk[0].".
        """
        if value is not None:
            block[argument] = value
        elif isinstance(default, bool):
            block[argument] = False
        elif default is not None:
            self.ignore_changes.append(f"{at}{argument}")
