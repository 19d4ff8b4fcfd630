# SPDX-License-Identifier: MPL-2.0
"""Two states of a VM side by side, compared as the provider's SDK compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instant_clone.stock_provider.releases import NEWEST_CHECKED, ProviderVersion

__all__ = ["Change", "Comparison", "Values", "nothing_unknown", "number"]

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A change that a running VM does not take as it is.

    `argument` is written as Terraform writes it, such as "num_cpus" or "disk[0].disk_mode": the index of a block
    is its index in the plan, that of a block taken away its index in the state. `why` is one sentence. `prior` and
    `planned` are the values, except of extra_config and vapp: those that change by name, since values may be secret.
    """

    argument: str
    prior: object
    planned: object
    why: str
    rejected: bool = False
    """vCenter refuses the change, since the provider tries it on the running VM: the apply fails, the VM stays on"""


def nothing_unknown(value: object) -> bool:
    """For states in which every value is known."""
    del value
    return False


@dataclass(frozen=True)
class Comparison:
    """What is planned for a VM, beside what it has."""

    prior: Values
    planned: Values
    version: ProviderVersion = NEWEST_CHECKED
    is_unknown: Callable[[object], bool] = nothing_unknown

    def unknown(self, argument: str) -> bool:
        """Whether the planned value is not known before the apply."""
        return self.is_unknown(self.planned.get(argument))

    def differs(self, argument: str) -> bool:
        """Whether the value changes, or may: an unknown one counts."""
        if self.unknown(argument):
            return True
        return bool(_normal(self.prior.get(argument)) != _normal(self.planned.get(argument)))

    def anything_differs(self) -> bool:
        """Whether there is an update; what is unknown may just be read anew, and does not count."""
        return any(self.differs(name) for name in {*self.prior, *self.planned} if not self.unknown(name))

    def change(self, argument: str, why: str, *, within: str = "") -> Change:
        """The change of an argument; `within` is the block that it stands in, such as "disk[0]"."""
        told = f"{within}.{argument}" if within else argument
        return Change(told, self.prior.get(argument), self.planned.get(argument), why)

    def blocks(self, argument: str) -> tuple[Sequence[Values], Sequence[Values]]:
        """The blocks before and after; none planned if their number is not known."""
        after = () if self.unknown(argument) else self.planned.get(argument)
        return self.prior.get(argument) or (), after or ()

    def of(self, prior: Values, planned: Values) -> Comparison:
        """The same for two blocks."""
        return Comparison(prior, planned, self.version, self.is_unknown)


def number(value: Any) -> int:
    """A number as the SDK reads it: 0 where there is none."""
    return int(value or 0)


def _normal(value: Any) -> Any:
    """`value` with all that the SDK takes for unset made None: zero values, empty lists, attributes of blocks."""
    if isinstance(value, list | tuple | set | frozenset):
        return [_normal_block(item) if isinstance(item, Mapping) else item for item in value] or None
    return value or None


def _normal_block(block: Values) -> Values:
    normal = {argument: _normal(value) for argument, value in block.items()}
    return {argument: value for argument, value in normal.items() if value is not None}
