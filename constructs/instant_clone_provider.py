# SPDX-License-Identifier: MPL-2.0
"""A construct that declares the instant-clone provider, instead of or in addition to the stock vSphere provider."""

from __future__ import annotations

from cdktf import TerraformProvider

from constructs import Construct
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["InstantCloneProvider"]


class InstantCloneProvider(TerraformProvider):
    """The instant-clone provider of a stack, with the provider address `source` and the stock release as its version.

    The provider reads the server and the credentials from VSPHERE_SERVER, VSPHERE_USER, VSPHERE_PASSWORD and
    VSPHERE_ALLOW_UNVERIFIED_SSL, so that the synthesized JSON contains no credentials. `vsphere_server` sets another
    server.

    `local_name` is the provider's local name in the stack. Under the name "vsphere" it serves every vsphere_ resource
    that names no provider. If the stack uses the stock provider under the name "vsphere", choose another `local_name`
    and pass this construct as `provider` to Placement, InstantCloneFleet and the other constructs of this package. The
    other resources of the stack keep the stock provider.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        source: str,
        release: ProviderVersion,
        local_name: str = "vsphere",
        alias: str | None = None,
        vsphere_server: str | None = None,
    ) -> None:
        self._alias = alias
        super().__init__(
            scope,
            id_,
            terraform_resource_type=local_name,
            # cdktf searches this metadata for the provider that the vsphere_ resources of its bindings need.
            terraform_generator_metadata={"provider_name": "vsphere", "provider_version": str(release)},
            terraform_provider_source=source,
        )
        if vsphere_server is not None:
            self.add_override("vsphere_server", vsphere_server)

    @property
    def alias(self) -> str | None:
        """The provider's alias, which distinguishes providers with the same local name."""
        return self._alias

    @alias.setter
    def alias(self, value: str | None) -> None:
        self._alias = value
