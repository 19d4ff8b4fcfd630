# SPDX-License-Identifier: MPL-2.0
"""Random prior states and configurations of a resource, generated from its schema.

Terraform core accepts them: they have valid types, required arguments and numbers of blocks. The provider can reject
them. A seeded random generator creates them. hypothesis is not suitable, because it tries one example at a time. A run
of Terraform takes as long for one resource as for a hundred.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from instant_clone.plugin.wire.tfplugin5 import Attribute, Block, NestedBlock

__all__ = ["UNKNOWN_UNTIL_APPLY", "ResourceCase", "escaped", "resource_cases"]

UNKNOWN_UNTIL_APPLY = "${jsondecode(terraform_data.later.id)}"
"""an expression of any type that is unknown until `terraform_data.later` is created"""

_MAX_BLOCKS = 4
"""maximum number of blocks of a type; more blocks would not cover more cases"""
_SIMPLE_VALUES: dict[str, tuple[Any, ...]] = {
    "string": ("", "a", "b", "zwölf", "${not.an.expression} %{ if }", 'two\nlines and a "quote"'),
    "number": (0, 1, 2, -1, 7.5, 2**53 + 1),
    "bool": (False, True),
}


@dataclass(frozen=True)
class ResourceCase:
    """The prior state and the configuration of a resource."""

    prior: dict[str, Any] | None
    """the attributes in the format of the state file; None for a new resource"""
    body: dict[str, Any]
    """the resource's body in Terraform's JSON syntax"""


def resource_cases(block: Block, *, count: int, seed: int) -> list[ResourceCase]:
    """Return random cases of a resource with the schema `block`. The same seed returns the same cases."""
    chance = Random(seed)
    return [
        ResourceCase(None if chance.random() < 0.1 else _prior(block, chance), _body(block, chance))
        for _ in range(count)
    ]


def _prior(block: Block, chance: Random) -> dict[str, Any]:
    attributes = {each.name: chance.choice((None, *_values(each))) for each in block.attributes}
    blocks = {
        nested.type_name: [_prior(nested.block, chance) for _ in range(chance.randint(0, _max_count(nested)))]
        for nested in block.block_types
    }
    return attributes | blocks


def _body(block: Block, chance: Random) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for attribute in block.attributes:
        # Real configurations omit most attributes.
        if attribute.required or (attribute.optional and chance.random() < 0.4):
            body[attribute.name] = _expression(attribute, chance)
    for nested in block.block_types:
        if chance.random() < 0.1:
            # An unknown for_each makes the number of blocks unknown.
            required = {each.name: UNKNOWN_UNTIL_APPLY for each in nested.block.attributes if each.required}
            dynamic = {"for_each": UNKNOWN_UNTIL_APPLY, "content": required}
            body.setdefault("dynamic", {})[nested.type_name] = [dynamic]
        else:
            number = chance.randint(nested.min_items, _max_count(nested))
            body[nested.type_name] = [_body(nested.block, chance) for _ in range(number)]
    return body


def _expression(attribute: Attribute, chance: Random) -> Any:
    return UNKNOWN_UNTIL_APPLY if chance.random() < 0.1 else escaped(chance.choice(_values(attribute)))


def _max_count(nested: NestedBlock) -> int:
    return min(nested.max_items or _MAX_BLOCKS, _MAX_BLOCKS)


def _values(attribute: Attribute) -> tuple[Any, ...]:
    return _values_of_type(json.loads(attribute.type))


def _values_of_type(kind: Any) -> tuple[Any, ...]:
    if isinstance(kind, str):
        return _SIMPLE_VALUES[kind]
    collection, element = kind
    some = _values_of_type(element)
    if collection == "map":
        return ({}, {"a": some[0]}, {"a": some[1], "b.c": some[-1]})
    return ([], [some[0]], [some[1], some[0]])


def escaped(value: Any) -> Any:
    """Return a value as an expression in JSON syntax, in which strings are templates. Escape their template markers."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, list):
        return [escaped(each) for each in value]
    if isinstance(value, dict):
        return {key: escaped(each) for key, each in value.items()}
    return value
