"""The provider that can instant-clone, in the words of the vSphere provider's bindings."""

from __future__ import annotations

from cdktf import TerraformStack
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider

from constructs import Construct
from instant_clone.versions import ProviderVersion

__all__ = ["instant_clone_provider"]


def instant_clone_provider(
    scope: Construct, *, source: str, release: ProviderVersion, alias: str | None = None
) -> VsphereProvider:
    """The stack's vSphere provider, to be found at the address `source` under the stock release's version.

    It takes server and credentials from VSPHERE_SERVER, VSPHERE_USER, VSPHERE_PASSWORD and
    VSPHERE_ALLOW_UNVERIFIED_SSL, so that none of them stands in the JSON.
    """
    provider = VsphereProvider(scope, "vsphere", user="", password="", alias=alias)
    for argument in ("user", "password"):  # the bindings demand them
        provider.add_override(argument, None)
    stack = TerraformStack.of(scope)
    stack.add_override("terraform.required_providers.vsphere.source", source)
    stack.add_override("terraform.required_providers.vsphere.version", str(release))
    return provider
