# SPDX-License-Identifier: MPL-2.0
"""Values of a plan for output, without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from instant_clone.guard.plan import Change, is_unknown

__all__ = ["shown", "shown_at", "spelled"]

SENSITIVE = "(sensitive)"
KNOWN_LATER = "(known after apply)"
NOT_SHOWN = "(not shown)"

_MAY_HOLD_SECRETS = frozenset({"clone", "extra_config", "ovf_deploy", "vapp"})
"""Arguments whose values are never shown, even if they are not marked as sensitive.

They can hold passwords of guest customizations and data for guests.
"""


def spelled(path: Sequence[str | int]) -> str:
    """Return a path as Terraform writes it, such as "instantclone[0].source_uuid"."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def shown(change: Change, argument: str, value: object) -> object:
    """Return the value of an argument, such as "disk[0].size", as a JSON value without secrets."""
    top = re.split(r"[.\[]", argument, maxsplit=1)[0]
    return SENSITIVE if top and change.conceals(top) else _json(value)


def shown_at(change: Change, path: Sequence[str | int]) -> tuple[object, object]:
    """Return the values at a path before and after the change, or "(not shown)" if they may hold secrets."""
    if path and path[0] in _MAY_HOLD_SECRETS:
        return NOT_SHOWN, NOT_SHOWN
    old, new = (shown(change, spelled(path), _at(values, path)) for values in (change.prior, change.planned))
    return old, new


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if is_unknown(value):
            return value
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(str(step))
        else:
            return None
    return value


def _json(value: object) -> object:
    if is_unknown(value):
        return KNOWN_LATER
    if isinstance(value, Mapping):
        return {str(key): _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(inner) for inner in value]
    return value
