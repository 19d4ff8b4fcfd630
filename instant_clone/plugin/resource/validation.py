# SPDX-License-Identifier: MPL-2.0
"""What is validated when a clone is planned: all that vCenter or the stock provider would refuse or undo later.

An import is validated too: whether the VM is the clone that the configuration means.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cachetools import cachedmethod

from instant_clone.ownership import OWNER_KEY, Owner
from instant_clone.plugin.resource.clone_request import clone_request, is_settled
from instant_clone.plugin.resource.diagnostics import STATE_RM, explained
from instant_clone.plugin.resource.orphan_adoption import name_is_taken
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

__all__ = ["Checks", "imported_by_mistake"]

LONGEST_CHAIN = 255
"""delta disks on one base (VMware knowledge base, article 320221)"""
LONG_CHAIN = 100
"""from here the same article warns"""
_SOURCE_PATH = attribute_path(INSTANTCLONE, 0, "source_uuid")


class Checks:
    """Checks of clones that are planned. Safe for several threads."""

    def __init__(
        self, stock: StockClient, vcenter: VcenterClient, *, version: ProviderVersion, folders: Container[str]
    ) -> None:
        """`folders` are the paths of those that the same plan makes."""
        self._stock = stock
        self._vcenter = vcenter
        self._version = version
        self._dry_runs: dict[Any, DryRun] = {}
        self._planned_folders = folders
        self._folders: dict[Any, bool] = {}
        self._asking = threading.Condition()
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._planned: dict[str, set[str]] = {}

    def check(
        self, config: Config, block: InstantCloneBlock, meta: DynamicValue, *, in_state: Container[str]
    ) -> list[Diagnostic]:
        """What speaks against making a clone with this configuration.

        A clone comes into being with its source's settings, so the stock provider is asked what it would change on
        the source to make it fit the configuration: that is what it would do to the clone. vCenter is asked for a dry
        run, once for clones that differ in their names and addresses only; if a pool or network is not known yet, the
        apply asks. `in_state` are UUIDs of VMs that Terraform's state has. Raises VcenterError, RefusedError.
        """
        assert block.source_uuid is not None
        # Looked at before the stock provider imports it, which refuses a template in words of its own.
        vm = self._vcenter.live_vm(block.source_uuid)
        if vm.template or not vm.powered_on:
            return [_not_running(vm)]
        source = self._vcenter.source(block.source_uuid, meta)
        cloner = self._vcenter.cloner()
        if isinstance(cluster := config.get("datastore_cluster_id"), str):
            cloner.member_of_cluster(vm, cluster)
        compared = compare(
            self._stock, source, config, meta, version=self._version, may_reboot=block.on_reboot == "reboot"
        )
        said = list(compared.errors)
        is_there = False
        if isinstance(host := config.get("host_system_id"), str) and host != vm.host._moId:
            said.append(_other_host(vm, host))
        if is_settled(config):
            wanted = clone_request(cloner, config, block, source)
            if self._has_folder(cloner, wanted):
                is_there, taken = self._name_taken(cloner, wanted, config, in_state)
                said.extend(taken)
            elif wanted.folder in self._planned_folders:
                # A folder's path is known before there is one.
                wanted = replace(wanted, folder="")
            else:
                # Another provider configuration may be about to make it: what that plans is not seen here.
                said.extend(self._once("No such folder yet", _no_folder(wanted.folder)))
                return [*self._chain(vm, block.source_uuid, str(config.get("name"))), *said]
            said.extend(self._refused_by_vcenter(cloner, source, wanted))
        chain = () if is_there else self._chain(vm, block.source_uuid, str(config.get("name")))
        return [*chain, *said]

    def _chain(self, vm: LiveVm, uuid: str, name: str) -> list[Diagnostic]:
        """What is to be said of the source's disk chain: it grows with each clone, unless the source is frozen."""
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
                f"The disks of {vm.inventory_path} have {vm.chain_depth} delta disks, and this plan brings "
                f"them over {LONG_CHAIN}, which costs speed; {LONGEST_CHAIN} is the limit. Each clone of a running "
                "source adds one: freeze the source, or make it anew.",
            )
        return []

    def _name_taken(
        self, cloner: Cloner, wanted: CloneRequest, config: Config, in_state: Container[str]
    ) -> tuple[bool, list[Diagnostic]]:
        """Whether that very clone is there, to be taken over, and what is to be said of another VM of its name."""
        found = cloner.namesake(wanted)
        if found is None:
            return False, []
        path, namesake = found
        ours = Owner.among(config.get("extra_config"))
        theirs = Owner.parse(namesake.owner)
        if namesake.uuid in in_state or (ours and theirs and ours.is_of_the_same_member(theirs)):
            # It may be about to be replaced, or come from an apply that was interrupted: the apply will see.
            return ours == theirs and namesake.uuid not in in_state, []
        return False, explained(name_is_taken(path, namesake, theirs, expected=ours))

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

    def _refused_by_vcenter(self, cloner: Cloner, source: ImportedVm, wanted: CloneRequest) -> list[Diagnostic]:
        result = self._dry_run(cloner, source, wanted)
        path = source.vm.inventory_path
        if result.missing:
            # The causes differ only in the words of vCenter, which may name the source.
            return self._once(
                "No dry run",
                f"vCenter could not be asked whether clones can be made before they are: {result.missing}. "
                "The apply will show.",
                key="No dry run",
            )
        if result.errors:
            lines = "\n".join(f"  {line}" for line in result.errors)
            return [error("vCenter would refuse the clone", f"A dry run of cloning {path} ended with:\n{lines}")]
        if result.warnings:
            lines = "\n".join(f"  {line}" for line in result.warnings)
            return self._once("vCenter warns", f"A dry run of cloning {path} ended with:\n{lines}")
        return []

    def _once(self, summary: str, detail: str, *, key: str = "") -> list[Diagnostic]:
        """Return the warning, unless one of that `key`, by default of that detail, was returned before."""
        with self._lock:
            if (key or detail) in self._told:
                return []
            self._told.add(key or detail)
        return [warning(summary, detail)]


def _chain_too_long(vm: LiveVm, depth: int) -> Diagnostic:
    return error(
        "Disk chain too long",
        f"The disks of {vm.inventory_path} have {vm.chain_depth} delta disks. Each clone of a running source "
        f"adds one, and with those of this plan there would be {depth}; vSphere allows {LONGEST_CHAIN}. Freeze the "
        "source, make it anew, or spread the fleet over several sources.",
        _SOURCE_PATH,
    )


def _not_running(vm: LiveVm) -> Diagnostic:
    state = "is a template" if vm.template else "is not powered on"
    return error(
        "Source cannot be cloned",
        f"The source {vm.inventory_path} {state}. An instant clone starts from the running state of its source: "
        "power it on, or name another one.",
        _SOURCE_PATH,
    )


def _no_folder(folder: str) -> str:
    return (
        f"vCenter has no VM folder {folder} in the datacenter of the resource pool, and this provider configuration "
        "makes none. The apply will fail unless there is one by then: make it, or let a resource vsphere_folder make "
        "it and refer to its path here (create_folder in the fleet file)."
    )


def _other_host(vm: LiveVm, host: str) -> Diagnostic:
    return error(
        "Clone would be moved",
        f"host_system_id is {host}, and the source {vm.inventory_path} runs on {vm.host._moId}. A clone "
        "starts on its source's host and shares memory with it there only: leave host_system_id out.",
        attribute_path("host_system_id"),
    )


def _without_names(wanted: CloneRequest) -> tuple[object, ...]:
    """What a dry run depends on: all but names and addresses."""
    interfaces = tuple((edit.key, edit.network_id, edit.mac_address is None) for edit in wanted.interfaces)
    return wanted.resource_pool_id, wanted.folder, wanted.datastore_id, interfaces


def imported_by_mistake(vm: LiveVm, config: Config, block: InstantCloneBlock, *, uuid: str) -> list[Diagnostic]:
    """Return an error for a VM that belongs to another address, and a warning for one without a marker.

    A source that is replaced as a clone would be destroyed. `config` and `block` are the configuration of the address,
    `uuid` is the BIOS UUID of the VM.
    """
    expected = Owner.among(config.get("extra_config"))
    owner = Owner.among(vm.extra_config)
    if uuid.lower() == block.source_uuid:
        what = "is the source of this clone"
    elif expected and owner and not expected.is_of_the_same_member(owner):
        what = f"is the clone {owner.member} of the fleet {owner.fleet} (state {owner.state})"
    elif owner and expected is None and not _may_have_marker(config):
        what = f"is the clone {owner.member} of the fleet {owner.fleet} (state {owner.state}), as its marker says"
    elif owner is None:
        return [_without_marker(vm.inventory_path, uuid)]
    else:
        return []
    return [
        error(
            "Another virtual machine was imported",
            f"{vm.inventory_path} (UUID {uuid}) {what}, and not {config.get('name')}. Take it out of the state, "
            f"which leaves it as it is: {STATE_RM}.",
        )
    ]


def _without_marker(path: str, uuid: str) -> Diagnostic:
    return warning(
        "Imported without a marker",
        f"{path} (UUID {uuid}): it carries no owner marker, so nothing proves that it is a clone of this source. Make "
        "sure that it is the virtual machine that you mean before you apply.",
    )


def _may_have_marker(config: Config) -> bool:
    """Whether the marker in a configuration is one that Terraform does not know yet."""
    extra_config = config.get("extra_config")
    return is_unknown(extra_config) or (isinstance(extra_config, Mapping) and is_unknown(extra_config.get(OWNER_KEY)))
