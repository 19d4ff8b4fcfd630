"""A clone that is in the state although nobody could read it: it was made, and could not be removed again either.

Its state is what was planned, with the clone's UUID. The stock provider refuses to refresh that, as it has not itself
noted the addresses of the disks; so the clone is imported when its state is first needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from instant_clone.provider.messages import DynamicValue
from instant_clone.provider.sources import Sources
from instant_clone.provider.stock_client import Imported, StockClient
from instant_clone.provider.values import is_unknown

if TYPE_CHECKING:
    from instant_clone.vcenter.clone import Clone

__all__ = ["is_unread", "read_first", "unread"]


def unread(planned: Mapping[str, Any], clone: Clone) -> dict[str, Any]:
    """The state of a clone of which nothing is known but what was planned."""
    known: dict[str, Any] = _without_unknown(planned)
    return {**known, "id": clone.uuid, "uuid": clone.uuid}


def is_unread(state: Mapping[str, Any]) -> bool:
    """Whether a VM's state is one of `unread`: whatever the stock provider has read has a managed object id."""
    return bool(state.get("uuid")) and state.get("moid") is None


def read_first(state: Mapping[str, Any], stock: StockClient, sources: Sources, provider_meta: DynamicValue) -> Imported:
    """The VM of a state that `is_unread`, imported. Raises NotFoundError if it is gone, VcenterError, RefusedError."""
    return stock.adopt(sources.machine(str(state["uuid"])).inventory_path, provider_meta)


def _without_unknown(value: Any) -> Any:
    if is_unknown(value):
        return None
    if isinstance(value, dict):
        return {key: _without_unknown(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_unknown(each) for each in value]
    return value
