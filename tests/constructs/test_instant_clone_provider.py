"""The provider in the stack."""

from __future__ import annotations

from cdktf import TerraformStack

from constructs.instant_clone_provider import instant_clone_provider
from instant_clone.versions import ProviderVersion
from tests.constructs.conftest import Synthesize


def test_it_is_found_at_its_address_and_has_no_credentials(stack: TerraformStack, synthesize: Synthesize) -> None:
    instant_clone_provider(stack, source="instantclone.internal/fleet/vsphere", release=ProviderVersion(2, 0, 2))
    synthesized = synthesize()
    assert synthesized["provider"] == {"vsphere": [{}]}
    assert synthesized["terraform"]["required_providers"] == {
        "vsphere": {"source": "instantclone.internal/fleet/vsphere", "version": "2.0.2"}
    }


def test_it_can_have_an_alias(stack: TerraformStack, synthesize: Synthesize) -> None:
    instant_clone_provider(stack, source="a.b/c/vsphere", release=ProviderVersion(2, 15, 0), alias="lab")
    assert synthesize()["provider"] == {"vsphere": [{"alias": "lab"}]}
