# SPDX-License-Identifier: MPL-2.0
"""Checks at plan time for everything that vCenter or the stock provider would reject or revert during the apply.

The checks of an import compare the imported VM with the clone that the configuration describes.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cachetools import cachedmethod

from instant_clone.ownership import OWNER_KEY, Owner
from instant_clone.plugin.resource.clone_request import clone_request, is_fully_known
from instant_clone.plugin.resource.diagnostics import STATE_RM, argument_path, explained
from instant_clone.plugin.resource.orphan_adoption import name_in_use_error
from instant_clone.plugin.resource.source_diff import compare
from instant_clone.plugin.resource.vcenter_client import ImportedVm, VcenterClient
from instant_clone.plugin.wire.codec import InstantCloneBlock, attribute_path, error, is_unknown, warning
from instant_clone.plugin.wire.tfplugin5 import Diagnostic, DynamicValue
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.values import Config
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.stock_provider.releases import ProviderVersion

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest
    from instant_clone.vcenter.cloning.dry_run import DryRun
    from instant_clone.vcenter.cloning.live_vm import LiveVm

__all__ = ["Checks", "import_mismatches"]

LONGEST_CHAIN = 255
"""the maximum number of delta disks on one base disk (VMware knowledge base, article 320221)"""
LONG_CHAIN = 100
"""the number of delta disks above which the same article warns of low performance"""
_SOURCE_PATH = attribute_path(INSTANTCLONE, 0, "source_uuid")


class Checks:
    """Check planned clones. The class is thread-safe."""

    def __init__(
        self, stock: StockClient, vcenter: VcenterClient, *, version: ProviderVersion, folders: Container[str]
    ) -> None:
        """Create the object.

        Args:
            stock: the client for the stock provider.
            vcenter: the connection to vCenter.
            version: the stock provider's release.
            folders: the paths of the VM folders that the same plan creates.
        """
        self._stock = stock
        self._vcenter = vcenter
        self._version = version
        self._dry_runs: dict[Any, DryRun] = {}
        self._planned_folders = folders
        self._folders: dict[Any, bool] = {}
        self._asking = threading.Condition()
        self._lock = threading.Lock()
        self._reported: set[str] = set()
        self._planned: dict[str, set[str]] = {}

    def check(
        self, config: Config, block: InstantCloneBlock, meta: DynamicValue, *, in_state: Container[str]
    ) -> list[Diagnostic]:
        """Return the diagnostics that prevent the creation of a clone with this configuration, and warnings.

        - A clone starts with its source's settings. The method therefore lets the stock provider plan the changes from
          the source to the configuration. The stock provider would make the same changes to the clone.
        - vCenter performs one dry run for all clones that differ only in names and addresses. If a pool or network is
          unknown, vCenter performs no dry run and checks the clone during the apply.

        `in_state` contains the UUIDs of the VMs in Terraform's state.

        Raises:
            RefusedError: the stock provider rejects the import of the source, or the plan.
            VcenterError: vCenter rejects a request.
        """
        assert block.source_uuid is not None
        # Check this first: the import would reject a template with the stock provider's own message.
        vm = self._vcenter.live_vm(block.source_uuid)
        if vm.template or not vm.powered_on:
            return [_not_cloneable(vm)]
        source = self._vcenter.source(block.source_uuid, meta)
        cloner = self._vcenter.cloner()
        if isinstance(cluster := config.get("datastore_cluster_id"), str):
            cloner.member_of_cluster(vm, cluster)
        compared = compare(
            self._stock, source, config, meta, version=self._version, may_reboot=block.on_reboot == "reboot"
        )
        diagnostics = list(compared.errors)
        already_exists = False
        if isinstance(host := config.get("host_system_id"), str) and host != vm.host._moId:
            diagnostics.append(_other_host(vm, host))
        if is_fully_known(config):
            wanted = clone_request(cloner, config, block, source)
            if self._has_folder(cloner, wanted):
                already_exists, taken = self._name_taken(cloner, wanted, config, in_state)
                diagnostics.extend(taken)
            elif wanted.folder in self._planned_folders:
                # The folder does not exist yet, so the dry run uses the datacenter's VM folder.
                wanted = replace(wanted, folder="")
            else:
                # Another provider configuration may create the folder. Its plan is not visible here.
                diagnostics.extend(self._once("Folder does not exist yet", _no_folder(wanted.folder)))
                return [*self._chain(vm, block.source_uuid, str(config.get("name"))), *diagnostics]
            diagnostics.extend(self._dry_run_findings(cloner, source, wanted))
        chain = () if already_exists else self._chain(vm, block.source_uuid, str(config.get("name")))
        return [*chain, *diagnostics]

    def _chain(self, vm: LiveVm, uuid: str, name: str) -> list[Diagnostic]:
        """Return diagnostics about the length of the source's disk chain after this plan.

        Each clone of a source that is not frozen adds a delta disk to the chain.
        """
        if vm.frozen:
            return []
        with self._lock:
            planned = self._planned.setdefault(uuid, set())
            planned.add(name)
            depth = vm.chain_depth + len(planned)
        if depth > LONGEST_CHAIN:
            return [_chain_too_long(vm, depth)]
        if depth > LONG_CHAIN:
            return self._once(
                "Long disk chain",
                f"{vm.inventory_path}: the disk chain has {vm.chain_depth} delta disks, and this plan extends it "
                f"beyond {LONG_CHAIN}, which reduces performance. The limit is {LONGEST_CHAIN}. Each clone of a "
                "running source adds a delta disk. Freeze the source or recreate it.",
            )
        return []

    def _name_taken(
        self, cloner: Cloner, wanted: CloneRequest, config: Config, in_state: Container[str]
    ) -> tuple[bool, list[Diagnostic]]:
        """Return whether the clone already exists and can be adopted, and errors about another VM with its name."""
        found = cloner.namesake(wanted)
        if found is None:
            return False, []
        path, namesake = found
        expected = Owner.among(config.get("extra_config"))
        existing = Owner.parse(namesake.owner)
        if namesake.uuid in in_state or (expected and existing and expected.is_of_the_same_member(existing)):
            # This plan may replace the VM, or an interrupted apply may have created it. The apply handles both cases.
            return expected == existing and namesake.uuid not in in_state, []
        return False, explained(name_in_use_error(path, namesake, existing, expected=expected))

    @cachedmethod(
        attrgetter("_folders"),
        key=lambda _, cloner, wanted: (wanted.resource_pool_id, wanted.folder),
        condition=attrgetter("_asking"),
    )
    def _has_folder(self, cloner: Cloner, wanted: CloneRequest) -> bool:
        return cloner.has_folder(wanted)

    @cachedmethod(
        attrgetter("_dry_runs"),
        key=lambda _, cloner, source, wanted: (source.vm.machine._moId, _without_names(wanted)),
        condition=attrgetter("_asking"),
    )
    def _dry_run(self, cloner: Cloner, source: ImportedVm, wanted: CloneRequest) -> DryRun:
        return cloner.check(source.vm, wanted)

    def _dry_run_findings(self, cloner: Cloner, source: ImportedVm, wanted: CloneRequest) -> list[Diagnostic]:
        result = self._dry_run(cloner, source, wanted)
        path = source.vm.inventory_path
        if result.missing:
            # One warning is sufficient: the reasons differ only in vCenter's texts, which may name the source.
            return self._once(
                "Dry run not available",
                f"{path}: vCenter could not check the clones in a dry run: {result.missing}. vCenter checks them "
                "during the apply.",
                key="Dry run not available",
            )
        if result.errors:
            lines = "\n".join(f"  {line}" for line in result.errors)
            what = f"{path}: the dry run of a clone failed:\n{lines}"
            return [error("vCenter would reject the clone", what, argument_path(result.argument))]
        if result.warnings:
            lines = "\n".join(f"  {line}" for line in result.warnings)
            return self._once("Dry run returned warnings", f"{path}: the dry run of a clone returned:\n{lines}")
        return []

    def _once(self, summary: str, detail: str, *, key: str = "") -> list[Diagnostic]:
        """Return the warning, unless a warning with the same `key` was returned before. The default key is `detail`."""
        with self._lock:
            if (key or detail) in self._reported:
                return []
            self._reported.add(key or detail)
        return [warning(summary, detail)]


def _chain_too_long(vm: LiveVm, depth: int) -> Diagnostic:
    return error(
        "Disk chain too long",
        f"{vm.inventory_path}: the disk chain has {vm.chain_depth} delta disks. Each clone of a running source adds a "
        f"delta disk, and this plan extends the chain to {depth}. vSphere allows {LONGEST_CHAIN}. Freeze the source, "
        "recreate it, or distribute the fleet over several sources.",
        _SOURCE_PATH,
    )


def _not_cloneable(vm: LiveVm) -> Diagnostic:
    if vm.template:
        summary, problem, action = "Source is a template", "is a template", "Select a virtual machine as the source."
    else:
        summary, problem = "Source is not powered on", "is not powered on"
        action = "Power it on, or select another source."
    return error(
        summary,
        f"{vm.inventory_path}: the source {problem}. An instant clone starts from the running state of its source. "
        f"{action}",
        _SOURCE_PATH,
    )


def _no_folder(folder: str) -> str:
    return (
        f"{folder}: the datacenter of the resource pool has no VM folder with this path, and this provider "
        "configuration does not plan one. The apply fails unless the folder exists by then. Create the folder in "
        "vCenter, or create it with a vsphere_folder resource and refer to its path here (create_folder in the fleet "
        "file)."
    )


def _other_host(vm: LiveVm, host: str) -> Diagnostic:
    return error(
        "Invalid host_system_id",
        f"{vm.inventory_path}: host_system_id is {host}, but the source runs on {vm.host._moId}. A clone starts on its "
        "source's host and shares memory with the source on that host only. Remove host_system_id.",
        attribute_path("host_system_id"),
    )


def _without_names(wanted: CloneRequest) -> tuple[object, ...]:
    """Return the values that a dry run depends on: all values except names and addresses."""
    interfaces = tuple((edit.key, edit.network_id, edit.mac_address is None) for edit in wanted.interfaces)
    return wanted.resource_pool_id, wanted.folder, wanted.datastore_id, interfaces


def import_mismatches(vm: LiveVm, config: Config, block: InstantCloneBlock, *, uuid: str) -> list[Diagnostic]:
    """Return an error for a VM that belongs to another address, or a warning for a VM without a marker.

    The source itself is also an error, because a replacement would destroy the source. `config` and `block`
    are the configuration of the address. `uuid` is the BIOS UUID of the VM.
    """
    expected = Owner.among(config.get("extra_config"))
    owner = Owner.among(vm.extra_config)
    if uuid.lower() == block.source_uuid:
        what = "is the source of this clone"
    elif expected and owner and not expected.is_of_the_same_member(owner):
        what = f"is the clone {owner.member} of the fleet {owner.fleet} (state {owner.state})"
    elif owner and expected is None and not _may_have_marker(config):
        what = f"is the clone {owner.member} of the fleet {owner.fleet} (state {owner.state}) according to its marker"
    elif owner is None:
        return [_without_marker(vm.inventory_path, uuid)]
    else:
        return []
    return [
        error(
            "Another virtual machine was imported",
            f"{vm.inventory_path} (UUID {uuid}): the virtual machine {what}, and not {config.get('name')}. To remove "
            f"it from the state without changing it, run {STATE_RM}.",
        )
    ]


def _without_marker(path: str, uuid: str) -> Diagnostic:
    return warning(
        "Imported VM has no marker",
        f"{path} (UUID {uuid}): the virtual machine has no owner marker, so the plugin cannot verify that it is a "
        "clone of this source. Check its path and UUID before you apply.",
    )


def _may_have_marker(config: Config) -> bool:
    """Return whether the owner marker in a configuration is still unknown."""
    extra_config = config.get("extra_config")
    return is_unknown(extra_config) or (isinstance(extra_config, Mapping) and is_unknown(extra_config.get(OWNER_KEY)))
