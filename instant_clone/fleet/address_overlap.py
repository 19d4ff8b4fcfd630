# SPDX-License-Identifier: MPL-2.0
"""Ranges of addresses that members claim, and where two claim the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Claim", "Clash", "clashes"]


@dataclass(frozen=True)
class Claim:
    """The addresses `first` to `last`, as numbers, of a kind and on a network that `space` names together.

    `where` is the place in the file and `fleet` its fleet; `who` says to the user whose addresses they are.
    """

    space: Hashable
    first: int
    last: int
    where: str
    fleet: str
    who: str


@dataclass(frozen=True)
class Clash:
    """An address that `earlier` claims as well as `later`: the lowest of them."""

    earlier: Claim
    later: Claim
    address: int


def clashes(claims: Iterable[Claim]) -> Iterator[Clash]:
    """Claims that have addresses in common, one clash for each pair of claimants."""
    spaces: defaultdict[Hashable, list[tuple[int, int, int, Claim]]] = defaultdict(list)
    for order, claim in enumerate(claims):
        spaces[claim.space].append((claim.first, claim.last, order, claim))
    found: dict[tuple[str, str], tuple[int, Clash]] = {}
    for space in spaces.values():
        reach: tuple[int, int, int, Claim] | None = None
        for entry in sorted(space):
            if reach is not None and entry[0] <= reach[1]:
                # The file's order, not the addresses', tells which of them is to give way.
                earlier, later = sorted((reach, entry), key=lambda each: each[2])
                pair = (earlier[3].where + earlier[3].who, later[3].where + later[3].who)
                found.setdefault(pair, (later[2], Clash(earlier[3], later[3], entry[0])))
            if reach is None or entry[1] > reach[1]:
                reach = entry
    yield from (clash for _, clash in sorted(found.values(), key=lambda each: each[0]))
