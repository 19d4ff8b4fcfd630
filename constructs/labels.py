# SPDX-License-Identifier: MPL-2.0
"""Tags and custom attributes that clones are given."""

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
    """Tags and custom attributes that are there already, looked up by Terraform at plan time.

    `tags` are "category/name", `custom_attributes` values by the attributes' names; all are Terraform templates.
    `prefix` begins the addresses of everything here. Raises ValueError for a tag without a category.
    """

    tag_ids: tuple[str, ...]
    """for `tags` of InstantCloneFleet"""
    custom_attributes: Mapping[str, str]
    """for `custom_attributes` of InstantCloneFleet: the values by the attributes' ids"""

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
            # As it stands in the JSON: cdktf takes no token for a key.
            values[f"${{data.vsphere_custom_attribute.{prefix}{resource}.id}}"] = custom_attributes[attribute]
        self.custom_attributes = MappingProxyType(values)


def _category_and_name(tag: str) -> tuple[str, str]:
    category, found, name = tag.partition("/")
    if not (category and found and name):
        raise ValueError(f'the tag {tag!r} is not of the form "category/name"')
    return category, name
