# SPDX-License-Identifier: MPL-2.0
"""Findings, warnings and ignored changes that are collected while the arguments of a replica are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from instant_clone.errors import Finding
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.releases import ProviderVersion, releases_where

__all__ = ["Block", "Draft"]

Block = dict[str, Scalar]

NOT_WORKABLE = "No release of the provider supports such a VM. Change the source."


@dataclass
class Draft:
    """The findings, warnings and ignored changes of one replica for one release of the provider.

    `source` is the VM's inventory path.
    """

    source: str
    version: ProviderVersion
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ignore_changes: list[str] = field(default_factory=list)

    def refuse(self, place: str, what: str, *, cure: str = NOT_WORKABLE) -> None:
        """Add a finding about a property that no release can express. `place` is the same as in `require`."""
        self.findings.append(Finding(f"{self.source}, {place}" if place else self.source, what, cure))

    def require(self, can: Callable[[ProviderVersion], bool], place: str, what: str, *, cure: str = "") -> None:
        """Add a finding unless `can` returns true for the release in use.

        The cure of the finding names the releases for which `can` returns true. Without such a release, it is `cure`.
        `place` is a device or an argument of the source; "" is the VM itself.
        """
        if can(self.version):
            return
        releases = releases_where(can)
        self.refuse(place, what, cure=f"Use release {releases} of the vSphere provider." if releases else cure)

    def warn(self, place: str, what: str) -> None:
        """Add a warning for the user. A warning does not change the arguments."""
        self.warnings.append(f"{self.source}, {place}: {what}" if place else f"{self.source}: {what}")

    def express(self, block: Block, path: str, value: Scalar | None, *, index: int | None = None) -> None:
        """Set the argument `path` in `block` to `value`. None means that the setting is unset on the VM.

        The provider reads an unset setting as the zero value of its type. For None, the result depends on the default:

        - A boolean with a default is set to false.
        - If another argument has a default other than the zero value, its changes are ignored. A configuration cannot
          reproduce the value of the VM.
        - Any other argument is left out, and then has the zero value.

        `index` is the position of the nested block: 0 for disk[0].size, whose path is "disk.size".
        """
        argument = row(path)
        default = argument.default_in(self.version)
        if value is not None:
            block[argument.name] = value
        elif isinstance(default, bool):
            block[argument.name] = False
        elif default:
            at = "" if index is None else f"{argument.block}[{index}]."
            self.ignore_changes.append(f"{at}{argument.name}")
