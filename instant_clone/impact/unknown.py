# SPDX-License-Identifier: MPL-2.0
"""Changes of arguments that are missing in `stock_provider.arguments`, such as arguments of a newer release."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from instant_clone.impact.changes import Change, Comparison, nothing_unknown
from instant_clone.impact.disks import disk_pairs
from instant_clone.stock_provider.argument import Role
from instant_clone.stock_provider.arguments import ARGUMENTS, nested_in, top_level
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.stock_provider.releases import DEFAULT_RELEASE, ProviderVersion

__all__ = ["unknown_changes"]

_KNOWN = {block: frozenset(nested_in(block, lambda _: True)) for block in {argument.block for argument in ARGUMENTS}}
_COMPARED_BLOCKS = top_level(lambda argument: argument.path in _KNOWN and argument.role is Role.HARDWARE)


def unknown_changes(
    prior: Mapping[str, Any],
    planned: Mapping[str, Any],
    *,
    version: ProviderVersion = DEFAULT_RELEASE,
    is_unknown: Callable[[object], bool] = nothing_unknown,
) -> tuple[Change, ...]:
    """Return the changes of arguments without a row in the table. Their effect on a running VM is not known.

    The arguments have the shapes that `power_cycles` describes. An unknown planned value is not a change. It can
    be a computed value that the provider only reads again.
    """
    return tuple(_changes(Comparison(prior, planned, version, is_unknown)))


def _changes(compared: Comparison) -> Iterator[Change]:
    yield from _without_row(compared, "", "")
    for block in _COMPARED_BLOCKS:
        for index, pair in _pairs(compared, block):
            yield from _without_row(pair, block, f"{block}[{index}]")


def _pairs(compared: Comparison, block: str) -> Iterator[tuple[int, Comparison]]:
    if block == "disk":
        yield from disk_pairs(compared)
        return
    for index, (before, after) in enumerate(zip(*compared.blocks(block), strict=False)):
        yield index, compared.of(before, after)


def _without_row(compared: Comparison, block: str, within: str) -> Iterator[Change]:
    for name in sorted({*compared.prior, *compared.planned}.difference(_KNOWN[block], {INSTANTCLONE})):
        if not compared.unknown(name) and compared.differs(name):
            path = f"{block}.{name}" if block else name
            why = f"instant-clone does not know the argument {path}, and the change may power the VM off."
            yield compared.change(name, why, within=within)
