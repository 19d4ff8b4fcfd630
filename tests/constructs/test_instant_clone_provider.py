# SPDX-License-Identifier: MPL-2.0
"""Tests of the provider construct."""

from __future__ import annotations

from cdktf import TerraformStack
from cdktf_cdktf_provider_vsphere.folder import Folder
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider

from constructs.instant_clone_provider import InstantCloneProvider
from instant_clone.stock_provider.releases import ProviderVersion
from tests.constructs.conftest import Synthesize

PLUGIN_SOURCE = "instantclone.internal/fleet/vsphere"


def test_provider_has_its_address_and_no_credentials(stack: TerraformStack, synthesize: Synthesize) -> None:
    InstantCloneProvider(stack, "provider", source=PLUGIN_SOURCE, release=ProviderVersion("2.0.2"))
    synthesized = synthesize()
    assert synthesized["provider"] == {"vsphere": [{}]}
    assert synthesized["terraform"]["required_providers"] == {"vsphere": {"source": PLUGIN_SOURCE, "version": "2.0.2"}}


def test_provider_can_have_an_alias_and_another_server(stack: TerraformStack, synthesize: Synthesize) -> None:
    InstantCloneProvider(
        stack,
        "lab",
        source=PLUGIN_SOURCE,
        release=ProviderVersion("2.15.0"),
        alias="lab",
        vsphere_server="lab.example.com",
    )
    assert synthesize()["provider"] == {"vsphere": [{"alias": "lab", "vsphere_server": "lab.example.com"}]}


def test_resources_of_both_providers_reference_their_provider(stack: TerraformStack, synthesize: Synthesize) -> None:
    VsphereProvider(stack, "stock", user="u", password="p")
    release = ProviderVersion("2.16.1")
    plugin = InstantCloneProvider(stack, "plugin", source=PLUGIN_SOURCE, release=release, local_name="instantclone")
    lab = InstantCloneProvider(
        stack, "lab", source=PLUGIN_SOURCE, release=release, local_name="instantclone", alias="lab"
    )
    for name, provider in {"a": None, "b": plugin, "c": lab}.items():
        Folder(stack, name, path=name, type="vm", provider=provider)
    synthesized = synthesize()
    assert sorted(synthesized["terraform"]["required_providers"]) == ["instantclone", "vsphere"]
    assert synthesized["terraform"]["required_providers"]["instantclone"] == {
        "source": PLUGIN_SOURCE,
        "version": "2.16.1",
    }
    assert [folder.get("provider") for folder in synthesized["resource"]["vsphere_folder"].values()] == [
        None,
        "instantclone",
        "instantclone.lab",
    ]
