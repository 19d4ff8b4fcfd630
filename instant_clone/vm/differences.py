# SPDX-License-Identifier: MPL-2.0
"""Differences between two trees of values, and the text of a value in messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

__all__ = ["Difference", "differences", "shown"]


@dataclass(frozen=True)
class Difference:
    """One place at which two trees differ. `path` is, for example, "disk[0].label". A missing value is None."""

    path: str
    before: object
    after: object


def differences(before: object, after: object, *, blocks_only: bool = False) -> list[Difference]:
    """Return the places at which two trees of mappings, lists and scalars differ, in the order of their names.

    With `blocks_only`, a list is compared element by element only if all its elements are mappings, as in Terraform's
    nested blocks. Other lists are compared as a whole.
    """
    return list(_differences(before, after, "", blocks_only=blocks_only))


def _differences(before: object, after: object, path: str, *, blocks_only: bool) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _differences(before.get(key), after.get(key), inner, blocks_only=blocks_only)
    elif isinstance(before, list) and isinstance(after, list) and (not blocks_only or _are_blocks(before, after)):
        for index, (one, other) in enumerate(zip_longest(before, after)):
            yield from _differences(one, other, f"{path}[{index}]", blocks_only=blocks_only)
    elif before != after:
        yield Difference(path, before, after)


def _are_blocks(*lists: list[object]) -> bool:
    return all(isinstance(each, Mapping) for blocks in lists for each in blocks)


def shown(value: object, *, longest: int | None = None) -> str:
    """Return a value in Terraform's notation, cut after `longest` characters."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if longest is None or len(text) <= longest else f"{text[:longest]}…"
