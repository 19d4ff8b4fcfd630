# SPDX-License-Identifier: MPL-2.0
"""Networks that clones are put on."""

from __future__ import annotations

from collections.abc import Sequence

from cdktf import TerraformProvider
from cdktf_cdktf_provider_vsphere.data_vsphere_network import DataVsphereNetwork

from constructs import Construct

from .finder_patterns import finder_template
from .names import resource_names

__all__ = ["Networks"]


class Networks(Construct):
    """Standard networks and port groups, looked up by Terraform in a datacenter at plan time.

    Names are Terraform templates, and found exactly, whatever characters they have; a percent sign or a slash in one is
    written as vCenter stores it, %25 or %2f. `prefix` begins the addresses of everything here.
    """

    ids: dict[str, str]
    """the references for network_id, by the networks' names"""

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
