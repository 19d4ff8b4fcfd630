# SPDX-License-Identifier: MPL-2.0
"""What is noted while a source is put into the provider's words: refusals, warnings, what it has no words for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from instant_clone.errors import Finding
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import row
from instant_clone.stock_provider.releases import ProviderVersion, releases_where

__all__ = ["Block", "Draft", "never"]

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

    def express(self, block: Block, path: str, value: Scalar | None, *, index: int | None = None) -> None:
        """Put the argument `path` into `block`, as the provider reads an unset setting if `value` is None.

        The provider reads an unset setting as the zero value of its type. A missing argument equals that, unless it has
        another default. Then a boolean is configured as false, and changes of other arguments are ignored, because no
        configuration equals the VM. `index` is the position of a nested block: of "disk.size" with 0, disk[0].size.
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
