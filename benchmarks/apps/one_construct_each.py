# SPDX-License-Identifier: MPL-2.0
"""The fleets of the fleet file, written as a Python loop with one VirtualMachine construct per clone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cdktf import App, TerraformStack
from cdktf_cdktf_provider_vsphere.provider import VsphereProvider
from cdktf_cdktf_provider_vsphere.virtual_machine import (
    VirtualMachine,
    VirtualMachineCdrom,
    VirtualMachineDisk,
    VirtualMachineNetworkInterface,
)

from instant_clone.fleet import load_from
from instant_clone.fleet.members import guestinfo
from instant_clone.replica import replicate
from instant_clone.sources import look_up_sources

fleet_file = load_from(os.environ, folder=Path())
sources = look_up_sources(fleet_file, environ=os.environ, folder=Path())
app = App(stack_traces=False)
for name, fleet in fleet_file.fleets.items():
    stack = TerraformStack(app, name)
    VsphereProvider(stack, "vsphere", user="${var.user}", password="${var.password}")  # noqa: S106
    for source in fleet.sources:
        machine = sources[name, source.key]
        hardware = replicate(machine, fleet_file.provider.version)
        guestinfo_of = guestinfo(fleet, source, machine)
        for index in source.indexes:
            clone_name = fleet.clone_name(index)
            clone = VirtualMachine(
                stack,
                clone_name,
                name=clone_name,
                resource_pool_id="resgroup-1",
                datastore_id="datastore-1",
                folder=fleet.folder,
                disk=[VirtualMachineDisk(**dict[str, Any](disk)) for disk in hardware.disks],
                network_interface=[
                    VirtualMachineNetworkInterface(**dict[str, Any](nic)) for nic in hardware.network_interfaces
                ],
                cdrom=[VirtualMachineCdrom(**dict[str, Any](cdrom)) for cdrom in hardware.cdroms],
                extra_config=guestinfo_of(index),
                **dict[str, Any](hardware.arguments),
            )
            clone.add_override("instantclone", {"source_uuid": machine.uuid, "timeout": fleet.timeout})
app.synth()
