# SPDX-License-Identifier: MPL-2.0
"""A construct that reads a source with a data source, and hardware arguments that reference the data source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from cdktf import TerraformLocal, TerraformProvider
from cdktf_cdktf_provider_vsphere.data_vsphere_virtual_machine import DataVsphereVirtualMachine

from constructs import Construct
from instant_clone.inventory_names import finder_pattern
from instant_clone.replica import DeviceBlock, Replica, Template
from instant_clone.stock_provider.argument import Scalar
from instant_clone.stock_provider.arguments import is_known
from instant_clone.stock_provider.releases import DATA_SOURCE_TAKES_UUID, SYNC_TIME_BY_DEFAULT, ProviderVersion
from instant_clone.vm.source_vm import Disk, Nic, SourceVm

from .literals import literal, literals
from .postconditions import postconditions

__all__ = ["SourceData"]

_Device = TypeVar("_Device")

_CONTROLLER_COUNTS = ("scsi", "sata", "ide", "nvme")
_NOT_EXPORTED = frozenset(f"{kind}_controller_count" for kind in _CONTROLLER_COUNTS)
_DISK_PROPERTIES = ("size", "thin_provisioned", "eagerly_scrub")
# Backup programs change the annotation, and only the clones' annotation depends on it.
_NOT_COMPARED = frozenset(("annotation",))


class SourceData(Construct):
    """The data source vsphere_virtual_machine.KEY of `source`, which Terraform reads during each plan.

    The data source is named `prefix` followed by `key`. `replica` is the result of `replicate` for the source and
    `release`. The data source has postconditions: a plan fails if the VM no longer has the disks, interfaces and
    settings of `source`. The error message names the differences and ends with `cure`.
    """

    source_uuid: str
    """A reference to the source's BIOS UUID."""
    hardware: Replica
    """The replica with references for all arguments whose exact value the data source exports."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: str,
        source: SourceVm,
        replica: Replica,
        release: ProviderVersion,
        cure: str = "",
        provider: TerraformProvider | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__(scope, id_)
        self._source, self._release = source, release
        self._name = prefix + key
        exported = {name: value for name, value in replica.arguments.items() if self._exports(name)}
        compared = {name: value for name, value in exported.items() if name not in _NOT_COMPARED}
        self._recorded: dict[str, Any] = {"values": literals(compared), "disks": {}, "network_interfaces": {}}
        self.hardware = replace(
            replica,
            arguments={**replica.arguments, **{name: self._reference(name) for name in exported}},
            disks=self._disks(replica),
            network_interfaces=self._interfaces(replica),
        )
        self.source_uuid = self._reference("id")
        self._read(replica, cure, provider)

    def _reference(self, path: str) -> Template:
        return Template(f"${{data.vsphere_virtual_machine.{self._name}.{path}}}")

    def _with_references(
        self, block: DeviceBlock[_Device], devices: str, index: int, values: Mapping[str, Scalar]
    ) -> DeviceBlock[_Device]:
        """Return `block` with references to the attributes of a device, and record the `values` of these attributes."""
        self._recorded[devices][str(index)] = literals(values)
        return block.with_arguments(**{name: self._reference(f"{devices}[{index}].{name}") for name in values})

    def _read(self, replica: Replica, cure: str, provider: TerraformProvider | None) -> None:
        local = TerraformLocal(self, "recorded", self._recorded)
        local.override_logical_id(f"{self._name}_recorded")
        scans: dict[str, Any] = {
            f"{kind}_controller_scan_count": replica.arguments.get(f"{kind}_controller_count", 0)
            for kind in _CONTROLLER_COUNTS
            if kind != "nvme" or is_known(self._release, "nvme_controller_count")
        }
        if self._release >= DATA_SOURCE_TAKES_UUID:
            identity: dict[str, Any] = {"uuid": self._source.uuid}
        else:
            identity = {"name": literal(finder_pattern(self._source.inventory_path))}
        data = DataVsphereVirtualMachine(
            self,
            "data",
            **identity,
            **scans,
            lifecycle={
                "postcondition": postconditions(
                    vm=self._source.inventory_path,
                    recorded=f"local.{self._name}_recorded",
                    disks=len([block for block in replica.disks if block.device]),
                    network_interfaces=len([block for block in replica.network_interfaces if block.device]),
                    cure=cure,
                )
            },
            provider=provider,
        )
        data.override_logical_id(self._name)

    def _exports(self, argument: str) -> bool:
        """Return whether the data source exports the value that a clone needs for `argument`.

        If a setting is unset in vCenter, the data source exports the argument's default. The clone needs false or 0.
        """
        tools = self._source.tools
        unset = {
            "boot_retry_delay": self._source.boot.retry_delay,
            "run_tools_scripts_after_power_on": tools.after_power_on,
            "run_tools_scripts_after_resume": tools.after_resume,
            "run_tools_scripts_before_guest_standby": tools.before_guest_standby,
            "run_tools_scripts_before_guest_shutdown": tools.before_guest_shutdown,
        }
        if argument == "sync_time_with_host":
            known = tools.sync_time_with_host is not None and tools.sync_time_with_host_allowed is not None
            return known and self._release >= SYNC_TIME_BY_DEFAULT
        return argument not in _NOT_EXPORTED and unset.get(argument, "") is not None

    def _disks(self, replica: Replica) -> tuple[DeviceBlock[Disk], ...]:
        """Return the disks with references for their size and provisioning.

        The data source sorts disks by bus and unit only, not by controller type, and its unit numbers count within one
        controller. It exports only the size and the provisioning of a disk. If disks of two controller types have the
        same bus and unit, their order is undefined, and these disks keep their values.
        """
        positions = sorted((block.device.bus, block.device.unit) for block in replica.disks if block.device)
        found = []
        for block in replica.disks:
            disk = block.device
            if disk is None or positions.count((disk.bus, disk.unit)) > 1:
                found.append(block)
                continue
            index = positions.index((disk.bus, disk.unit))
            values = {name: value for name, value in block.items() if name in _DISK_PROPERTIES}
            found.append(self._with_references(block, "disks", index, values))
        return tuple(found)

    def _interfaces(self, replica: Replica) -> tuple[DeviceBlock[Nic], ...]:
        """Return the network interfaces with references. The data source sorts interfaces by their PCI unit numbers.

        If the source's interfaces lack unique PCI unit numbers, all interfaces keep their values. A network_id becomes
        a reference only for a standard network. For other networks a clone needs the managed object id, but the data
        source exports the key of a distributed port group and the name of an opaque network. The key and the managed
        object id of a port group are usually equal, but the API does not guarantee it.
        """
        units = [nic.unit for nic in self._source.nics if nic.unit is not None]
        if len(set(units)) < len(self._source.nics):
            return replica.network_interfaces
        found = []
        for block in replica.network_interfaces:
            nic = block.device
            if nic is None or nic.unit is None:
                found.append(block)
                continue
            index = sorted(units).index(nic.unit)
            unset = {"network_id": nic.network_kind != "standard", "bandwidth_limit": nic.bandwidth.limit is None}
            values = {name: value for name, value in block.items() if not unset.get(name)}
            found.append(self._with_references(block, "network_interfaces", index, values))
        return tuple(found)
