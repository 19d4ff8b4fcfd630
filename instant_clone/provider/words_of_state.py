"""A clone's state in the words of its configuration, within the messages that carry it.

Everything here changes a message in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instant_clone.provider.alignment import align_existing, as_before
from instant_clone.provider.messages import Diagnostic, DynamicValue
from instant_clone.provider.replaced_disks import NamedOrphans, name_orphans, pair_disks
from instant_clone.provider.sources import Sources
from instant_clone.provider.values import pack, unpack

__all__ = ["align_imported", "keep_words", "name_prior_orphans"]


def keep_words(
    new_state: DynamicValue, before: Mapping[str, Any], sources: Sources
) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
    """Keep in a clone's new state what cannot have changed since `before`; that state, and warnings of its disks.

    Raises VcenterError.
    """
    if (state := unpack(new_state)) is None:
        return {}, ()
    paired = pair_disks(state, before)
    moid = str(state.get("moid"))
    kept = as_before(paired.state, before, deltas=lambda: sources.cloner().deltas(moid))
    new_state.CopyFrom(pack(kept))
    return kept, paired.diagnostics


def align_imported(
    prior_state: DynamicValue, prior: Mapping[str, Any], config: Mapping[str, Any], sources: Sources
) -> tuple[str, ...]:
    """Align the state of a VM that was imported; the disks that have no partner. Raises VcenterError."""
    aligned = align_existing(prior, config, sources.machine(str(prior.get("uuid"))))
    prior_state.CopyFrom(pack(aligned.state))
    return aligned.orphans


def name_prior_orphans(prior_state: DynamicValue, prior: Mapping[str, Any], words: Mapping[str, Any]) -> NamedOrphans:
    """Give the orphaned disks of a state the labels that a configuration, or a plan, has for their places."""
    named = name_orphans(prior, words)
    if named.state != prior:
        prior_state.CopyFrom(pack(named.state))
    return named
