# SPDX-License-Identifier: MPL-2.0
"""The state that Terraform proposes to a provider: the configuration, completed from the prior state.

Terraform's core computes it (objchange.ProposedNew) and sends it with each plan. A clone that has just been made is
planned within its creation, where core does not take part, so it is computed here, for the shapes that the vSphere
provider's resources have: attributes, and nested blocks as objects, lists or sets. tests/e2e/test_proposal.py holds it
against what Terraform sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instant_clone.provider.messages import Block

__all__ = ["proposed_new"]

_LIST, _SET = 2, 3


def proposed_new(block: Block, prior: Mapping[str, Any] | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, with the prior state's values for computed attributes that it leaves out.

    Nested blocks are paired by position, as core does for lists: no release has others in this resource. A set's
    elements, which have no position, would come out right where they have no computed attributes.
    """
    prior = prior or {}
    proposed: dict[str, Any] = {}
    for attribute in block.attributes:
        value = config.get(attribute.name)
        proposed[attribute.name] = prior.get(attribute.name) if attribute.computed and value is None else value
    for nested in block.block_types:
        value, before = config.get(nested.type_name), prior.get(nested.type_name)
        if nested.nesting in (_LIST, _SET) and isinstance(value, list):
            olds = before if isinstance(before, list) else []
            proposed[nested.type_name] = [
                proposed_new(nested.block, olds[index] if index < len(olds) else None, element)
                if isinstance(element, dict)
                else element
                for index, element in enumerate(value)
            ]
        elif isinstance(value, dict):
            proposed[nested.type_name] = proposed_new(nested.block, before if isinstance(before, dict) else None, value)
        else:
            proposed[nested.type_name] = value
    return proposed
