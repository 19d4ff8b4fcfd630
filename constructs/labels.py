# SPDX-License-Identifier: MPL-2.0
"""A construct that looks up the tags and custom attributes of clones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cdktf import TerraformProvider
from cdktf_cdktf_provider_vsphere.data_vsphere_custom_attribute import DataVsphereCustomAttribute
from cdktf_cdktf_provider_vsphere.data_vsphere_tag import DataVsphereTag
from cdktf_cdktf_provider_vsphere.data_vsphere_tag_category import DataVsphereTagCategory

from constructs import Construct

from .names import resource_names

__all__ = ["Labels"]


class Labels(Construct):
    """Existing tags and custom attributes, which Terraform looks up at plan time.

    Each of `tags` has the form "category/name". `custom_attributes` maps the attributes' names to the clones' values.
    All these strings are Terraform templates. `prefix` is a prefix for all Terraform addresses of this construct.

    Raises:
        ValueError: A tag lacks the category or the name.
    """

    tag_ids: tuple[str, ...]
    """The tags' ids, for `tags` of InstantCloneFleet."""
    custom_attributes: Mapping[str, str]
    """The values by the attributes' ids, for `custom_attributes` of InstantCloneFleet."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        tags: Sequence[str] = (),
        custom_attributes: Mapping[str, str] = MappingProxyType({}),
        provider: TerraformProvider | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(scope, id_)
        split = [_category_and_name(tag) for tag in tags]
        categories: dict[str, str] = {}
        for category, resource in resource_names(category for category, _ in split).items():
            found = DataVsphereTagCategory(self, f"category_{resource}", name=category, provider=provider)
            found.override_logical_id(prefix + resource)
            categories[category] = found.id
        ids = []
        for (category, name), resource in zip(split, resource_names(tags).values(), strict=True):
            tag = DataVsphereTag(
                self, f"tag_{resource}", name=name, category_id=categories[category], provider=provider
            )
            tag.override_logical_id(prefix + resource)
            ids.append(tag.id)
        self.tag_ids = tuple(ids)
        values: dict[str, str] = {}
        for attribute, resource in resource_names(custom_attributes).items():
            DataVsphereCustomAttribute(
                self, f"attribute_{resource}", name=attribute, provider=provider
            ).override_logical_id(prefix + resource)
            # The key is a literal reference, because cdktf does not resolve tokens in keys.
            values[f"${{data.vsphere_custom_attribute.{prefix}{resource}.id}}"] = custom_attributes[attribute]
        self.custom_attributes = MappingProxyType(values)


def _category_and_name(tag: str) -> tuple[str, str]:
    category, found, name = tag.partition("/")
    if not (category and found and name):
        raise ValueError(f'tag {tag!r}: it must have the form "category/name"')
    return category, name
