# SPDX-License-Identifier: MPL-2.0
"""A cdktf app with the stock vSphere provider, an alias of it, and two fleets of instant clones."""

from __future__ import annotations

import os
from pathlib import Path

from cdktf import App, LocalBackend, TerraformStack, TerraformVariable
from cdktf_cdktf_provider_vsphere.data_vsphere_datacenter import DataVsphereDatacenter
from cdktf_cdktf_provider_vsphere.folder import Folder
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider

from constructs import Construct
from instant_clone.constructs.instant_clone_fleet import CloneSource, InstantCloneFleet
from instant_clone.constructs.instant_clone_provider import InstantCloneProvider
from instant_clone.constructs.placement import Placement
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm import record
from instant_clone.vm.source_vm import SourceVm

RELEASE = ProviderVersion(os.environ.get("INSTANT_CLONE_PROVIDER_VERSION", "2.16.1"))
"""the release of the stock provider that the plugin wraps"""


class Ci(TerraformStack):
    """The VMs of a CI system."""

    def __init__(self, scope: Construct, id_: str, *, golden: SourceVm) -> None:
        super().__init__(scope, id_)
        LocalBackend(self, path="../../../ci.tfstate")

        # The resources that the app had before the fleets.
        user = TerraformVariable(self, "vsphere_user", type="string").string_value
        password = TerraformVariable(self, "vsphere_password", type="string", sensitive=True).string_value
        VsphereProvider(self, "vsphere", user=user, password=password)
        lab = VsphereProvider(self, "lab", alias="lab", user=user, password=password)
        # The bindings require exactly the release from which they were generated. This override allows other releases.
        self.add_override("terraform.required_providers.vsphere.version", ">= 2.0.2, < 3.0.0")
        datacenter = DataVsphereDatacenter(self, "datacenter", name="DC0", provider=lab)
        folder = Folder(self, "machines", path="ci", type="vm", datacenter_id=datacenter.id, provider=lab)

        # The fleets use a second provider. The resources above keep the stock provider.
        clones = InstantCloneProvider(
            self,
            "clones",
            source="instantclone.internal/fleet/vsphere",
            release=RELEASE,
            local_name="instantclone",
            alias="lab",
        )
        placement = Placement(
            self,
            "place",
            datacenter="DC0",
            datastore="LocalDS_0",
            resource_pool="DC0_C0/Resources",
            folder=folder.path,
            cluster="DC0_C0",
            provider=clones,
            prefix="fleet_",
        )
        hardware = replicate(golden, RELEASE)
        for name, size in {"runner": 2, "browser": 1}.items():
            source = CloneSource(
                key="golden",
                source_uuid=golden.uuid,
                hardware=hardware,
                members={f"{name}-{index}": {} for index in range(size)},
                guestinfo={"guestinfo.ic.hostname": "${each.key}"},
            )
            InstantCloneFleet(
                self,
                name,
                name=name,
                placement=placement,
                sources=[source],
                release=RELEASE,
                provider=clones,
                prefix=f"{name}_",
            )


if __name__ == "__main__":
    app = App()
    Ci(app, "ci", golden=record.load(Path(__file__).with_name("golden-ci.json")))
    app.synth()
