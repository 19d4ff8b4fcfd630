# SPDX-License-Identifier: MPL-2.0
"""Comparison of two states of a VM, with the rules of the provider's SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instant_clone.stock_provider.releases import DEFAULT_RELEASE, ProviderVersion

__all__ = ["Change", "Comparison", "Values", "nothing_unknown", "number"]

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A change that vSphere cannot apply to the running VM.

    `argument` is the argument's path in Terraform's notation, such as "num_cpus" or "disk[0].disk_mode". The index of a
    block is its index in the plan; the index of a removed block is its index in the state. `why` is one sentence.
    `prior` and `planned` are the values. For extra_config and vapp they are the names of the changed keys, because the
    values may be secret.
    """

    argument: str
    prior: object
    planned: object
    why: str
    rejected: bool = False
    """whether the provider tries the change on the running VM, and vCenter refuses it. The VM stays on."""


def nothing_unknown(value: object) -> bool:
    """Return False: every value is known."""
    del value
    return False


@dataclass(frozen=True)
class Comparison:
    """The prior and the planned values of a VM or of one of its blocks."""

    prior: Values
    planned: Values
    version: ProviderVersion = DEFAULT_RELEASE
    is_unknown: Callable[[object], bool] = nothing_unknown

    def unknown(self, argument: str) -> bool:
        """Return whether the planned value is unknown before the apply."""
        return self.is_unknown(self.planned.get(argument))

    def differs(self, argument: str) -> bool:
        """Return whether the value changes or may change. An unknown value counts as a change."""
        if self.unknown(argument):
            return True
        return bool(_normal(self.prior.get(argument)) != _normal(self.planned.get(argument)))

    def anything_differs(self) -> bool:
        """Return whether the provider updates the VM.

        Unknown values do not count. They can be computed values that the provider only reads again.
        """
        return any(self.differs(name) for name in {*self.prior, *self.planned} if not self.unknown(name))

    def change(self, argument: str, why: str, *, within: str = "") -> Change:
        """Return the change of an argument. `within` is the block that contains the argument, such as "disk[0]"."""
        path = f"{within}.{argument}" if within else argument
        return Change(path, self.prior.get(argument), self.planned.get(argument), why)

    def blocks(self, argument: str) -> tuple[Sequence[Values], Sequence[Values]]:
        """Return the prior and the planned blocks. The planned blocks are empty if their number is unknown."""
        after = () if self.unknown(argument) else self.planned.get(argument)
        return self.prior.get(argument) or (), after or ()

    def of(self, prior: Values, planned: Values) -> Comparison:
        """Return the comparison of two blocks, with the same release and the same `is_unknown`."""
        return Comparison(prior, planned, self.version, self.is_unknown)


def number(value: Any) -> int:
    """Return a number as the SDK reads it: 0 for a missing value."""
    return int(value or 0)


def _normal(value: Any) -> Any:
    """Return `value`, or None for a zero value or an empty list, which the SDK treats as unset.

    Unset attributes of blocks are removed.
    """
    if isinstance(value, list | tuple | set | frozenset):
        return [_normal_block(item) if isinstance(item, Mapping) else item for item in value] or None
    return value or None


def _normal_block(block: Values) -> Values:
    normal = {argument: _normal(value) for argument, value in block.items()}
    return {argument: value for argument, value in normal.items() if value is not None}
