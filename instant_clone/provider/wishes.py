# SPDX-License-Identifier: MPL-2.0
"""What a configuration asks for, as against what merely came out otherwise.

An instant clone starts as its source. Where the configuration differs from the source, the difference is asked for and
is made. Where it repeats the source and vCenter has still given the clone something else, changing the clone would be
changing it unasked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from instant_clone.provider.values import is_unknown
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import top_level
from instant_clone.vm.differences import Difference, differences

__all__ = ["Granted", "asked_for", "granted"]

_OWN = top_level(lambda argument: argument.role is Role.OWN)
"""what a clone does not have from its source"""
_PLACED = top_level(lambda argument: argument.role is Role.PLACEMENT)
"""where a clone is put when it is made; the stock provider would move it"""


@dataclass(frozen=True)
class Granted:
    """A clone's state with all changes that were asked for, and those of the plan that were not, left out of it."""

    state: dict[str, Any]
    withheld: tuple[Difference, ...]
    """`before` is the clone's value, `after` the planned one"""
    changes: bool
    """whether there is anything to do"""


def asked_for(source: Mapping[str, Any], planned: Mapping[str, Any]) -> frozenset[str]:
    """The paths at which the plan that would turn the source into the configuration changes it."""
    return frozenset(
        difference.path
        for difference in differences(source, planned, blocks_only=True)
        if not is_unknown(difference.after) and _root(difference.path) not in _PLACED
    )


def granted(clone: Mapping[str, Any], planned: Mapping[str, Any], wishes: Collection[str]) -> Granted:
    """Of the plan that would turn the `clone` into the configuration, what was asked for."""
    withheld: list[Difference] = []
    done: list[str] = []

    def merge(before: Any, after: Any, path: str) -> Any:
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            return {
                key: merge(before.get(key), after.get(key), f"{path}.{key}" if path else key)
                for key in {**before, **after}
            }
        if (before or after) and _are_blocks(before) and _are_blocks(after):
            merged = (
                merge(*pair, f"{path}[{index}]") for index, pair in enumerate(zip_longest(before or (), after or ()))
            )
            return [block for block in merged if block is not None]
        if before == after or is_unknown(after):
            return after
        if path in wishes or _root(path) in _OWN:
            done.append(path)
            return after
        withheld.append(Difference(path, before, after))
        return before

    state = merge(clone, planned, "")
    return Granted(state if done else dict(clone), tuple(withheld), bool(done))


def _root(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _are_blocks(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, Mapping) for each in value))
