# SPDX-License-Identifier: MPL-2.0
"""The provider that can instant-clone, beside or in the place of the stock vSphere provider."""

from __future__ import annotations

from cdktf import TerraformProvider

from constructs import Construct
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["InstantCloneProvider"]


class InstantCloneProvider(TerraformProvider):
    """A vSphere provider for one stack, to be found at the address `source` under the stock release's version.

    It takes server and credentials from VSPHERE_SERVER, VSPHERE_USER, VSPHERE_PASSWORD and
    VSPHERE_ALLOW_UNVERIFIED_SSL, so that none of them stands in the JSON; `vsphere_server` names another server.

    `local_name` is the stack's own word for the provider. As "vsphere" it serves every vsphere_ resource that names
    no provider. A stack that has the stock provider under that name gives it another one, and hands this construct as
    `provider` to Placement, InstantCloneFleet and the others here; the stack's own resources stay with theirs.
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
            # cdktf looks here for the provider that the vsphere_ resources of its bindings need.
            terraform_generator_metadata={"provider_name": "vsphere", "provider_version": str(release)},
            terraform_provider_source=source,
        )
        if vsphere_server is not None:
            self.add_override("vsphere_server", vsphere_server)

    @property
    def alias(self) -> str | None:
        """The name that tells several providers of one local name apart."""
        return self._alias

    @alias.setter
    def alias(self, value: str | None) -> None:
        self._alias = value
