# SPDX-License-Identifier: MPL-2.0
"""A cdktf app that uses all public names of docs/constructs.md.

A test type-checks and runs the app with the installed wheel.

In a checkout, mypy cannot resolve the types of `instant_clone.constructs`. The test therefore copies this file to a
folder outside of the checkout.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from cdktf import App, TerraformStack
from cdktf_cdktf_provider_vsphere.virtual_machine import VirtualMachine

from constructs import Construct
from instant_clone.constructs.instant_clone_fleet import CloneSource, InstantCloneFleet, OnReboot
from instant_clone.constructs.instant_clone_provider import InstantCloneProvider
from instant_clone.constructs.labels import Labels
from instant_clone.constructs.literals import literal
from instant_clone.constructs.networks import Networks
from instant_clone.constructs.placement import Placement
from instant_clone.constructs.source_data import SourceData
from instant_clone.plugin.install.lock_file import write_lock_file
from instant_clone.replica import (
    Replica,
    add_disks,
    add_interfaces,
    assign_mac_addresses,
    connect,
    replicate,
    set_arguments,
)
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm import record
from instant_clone.vm.source_vm import SourceVm

ADDRESS = "instantclone.internal/fleet/vsphere"
ON_REBOOT: OnReboot = "replace"


class Consumer(TerraformStack):
    """A stack with two fleets: one with hardware as values, and one with hardware as references to a data source."""

    def __init__(self, scope: Construct, id_: str, *, golden: SourceVm, release: ProviderVersion) -> None:
        super().__init__(scope, id_)
        provider = InstantCloneProvider(self, "clones", source=ADDRESS, release=release)
        placement = Placement(
            self,
            "place",
            datacenter="DC0",
            datastore="LocalDS_0",
            resource_pool="DC0_C0/Resources",
            cluster="DC0_C0",
            provider=provider,
        )
        networks = Networks(
            self, "networks", names=["VM Network"], datacenter_id=placement.datacenter_id, provider=provider
        )
        labels = Labels(
            self,
            "labels",
            tags=["team/ci"],
            custom_attributes={"owner": literal("${not a reference}")},
            provider=provider,
        )
        network = networks.ids["VM Network"]
        values: Replica = replicate(golden, release)
        values = connect(values, [network])
        values = add_interfaces(values, [network])
        values = add_disks(values, [10])
        values = set_arguments(values, annotation="CI")
        values = assign_mac_addresses(values, ["${each.value.mac}"])
        fleet = InstantCloneFleet(
            self,
            "values",
            name="values",
            placement=placement,
            sources=[
                CloneSource(
                    key="values",
                    source_uuid=golden.uuid,
                    hardware=values,
                    members={"values-0": {"mac": "00:50:56:01:02:03"}},
                    guestinfo={"guestinfo.ic.hostname": "${each.key}"},
                )
            ],
            release=release,
            on_reboot=ON_REBOOT,
            tags=labels.tag_ids,
            custom_attributes=labels.custom_attributes,
            provider=provider,
            prefix="values_",
        )
        data = SourceData(
            self,
            "data",
            key="golden",
            source=golden,
            replica=replicate(golden, release),
            release=release,
            provider=provider,
        )
        source = CloneSource(
            key="references", source_uuid=data.source_uuid, hardware=data.hardware, members={"references-0": {}}
        )
        InstantCloneFleet(
            self,
            "references",
            name="references",
            placement=placement,
            sources=[source],
            release=release,
            provider=provider,
            prefix="references_",
        )
        # If the wheel had no types, each of these expressions would have the type Any.
        assert_type(fleet.virtual_machines, dict[str, VirtualMachine])
        assert_type(fleet.owner_id, str)
        assert_type(labels.tag_ids, tuple[str, ...])
        assert_type(labels.custom_attributes, Mapping[str, str])
        assert_type(networks.ids, dict[str, str])
        assert_type(placement.datacenter_id, str)
        assert_type(data.hardware, Replica)
        assert_type(literal("text"), str)
        if TYPE_CHECKING:
            Placement(self, "refused", datacenter=7, resource_pool="pool")  # type: ignore[arg-type]


if __name__ == "__main__":
    chosen = ProviderVersion("2.16.1")
    app = App()
    Consumer(app, "consumer", golden=record.load(Path(sys.argv[1])), release=chosen)
    app.synth()
    write_lock_file(Path(app.outdir) / "stacks" / "consumer", source=ADDRESS, version=chosen)
