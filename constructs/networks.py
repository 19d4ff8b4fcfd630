# SPDX-License-Identifier: MPL-2.0
"""A construct that looks up the networks of clones."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import TerraformProvider
from cdktf_cdktf_provider_vsphere.data_vsphere_network import DataVsphereNetwork

from constructs import Construct

from .finder_patterns import finder_template
from .names import resource_names

__all__ = ["Networks"]


class Networks(Construct):
    """Standard networks and port groups of a datacenter, which Terraform looks up at plan time.

    Each of `names` is a Terraform template and matches exactly one name; wildcard characters have no special meaning.
    Write a percent sign or a slash in a name as vCenter stores it: %25 or %2f. `prefix` is a prefix for all Terraform
    addresses of this construct.
    """

    ids: dict[str, str]
    """The references for network_id, by the networks' names."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Sequence[str],
        datacenter_id: str,
        provider: TerraformProvider | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(scope, id_)
        self.ids = {}
        for name, resource in resource_names(names).items():
            exact = finder_template(self, name, local=f"{prefix}{resource}_name")
            network = DataVsphereNetwork(self, resource, name=exact, datacenter_id=datacenter_id, provider=provider)
            network.override_logical_id(prefix + resource)
            self.ids[name] = network.id
