# SPDX-License-Identifier: MPL-2.0
"""Alignment of the states in Terraform's requests and answers with a clone's configuration.

These functions change a message in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instant_clone.provider.alignment import align_existing, as_before
from instant_clone.provider.messages import Diagnostic, DynamicValue
from instant_clone.provider.replaced_disks import NamedOrphans, name_orphans, pair_disks
from instant_clone.provider.sources import Sources
from instant_clone.provider.values import pack

__all__ = ["align_imported", "name_prior_orphans", "restore_values"]


def restore_values(
    new_state: DynamicValue, state: Mapping[str, Any], before: Mapping[str, Any], sources: Sources
) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
    """Restore in a clone's new state, whose content is `state`, the values that cannot have changed since `before`.

    Return the new state and warnings about its disks.

    Raises VcenterError.
    """
    paired = pair_disks(state, before)
    moid = str(state.get("moid"))
    kept = as_before(paired.state, before, deltas=lambda: sources.cloner().deltas(moid))
    new_state.CopyFrom(pack(kept))
    return kept, paired.diagnostics


def align_imported(
    prior_state: DynamicValue, prior: Mapping[str, Any], config: Mapping[str, Any], sources: Sources
) -> tuple[str, ...]:
    """Align the state of an imported VM with its configuration. Return the disks that it does not configure.

    Raises VcenterError.
    """
    aligned = align_existing(prior, config, sources.machine(str(prior.get("uuid"))))
    prior_state.CopyFrom(pack(aligned.state))
    return aligned.orphans


def name_prior_orphans(prior_state: DynamicValue, prior: Mapping[str, Any], words: Mapping[str, Any]) -> NamedOrphans:
    """Label the orphaned disks of a state as a configuration, or a plan, labels their places."""
    named = name_orphans(prior, words)
    if named.state != prior:
        prior_state.CopyFrom(pack(named.state))
    return named
