# SPDX-License-Identifier: MPL-2.0
"""Compare the predictions of instant_clone.impact with the changes of the stock provider, in both directions.

Each change has its own clone. With on_reboot = "reboot", the plugin allows all changes, and one apply makes them. The
tests compare the plugin's warnings with the calls that the simulator received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pyVmomi import vim

from instant_clone.impact import ANY_CHANGE
from instant_clone.stock_provider.arguments import is_known
from instant_clone.stock_provider.releases import VTPM_COUNTED, ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import PROVIDER_SOURCE, document, machine, source_of
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.e2e.conftest import Attach, Plugin
from tests.e2e.terraform import Outcome, Terraform
from tests.vcsim.client import Client, controller, disk, machine_spec, make, nic, result

GIB = 1 << 30
OFF = {"PowerOffVM_Task", "ShutdownGuest"}
ON = {"PowerOnVM_Task"}
MARK, CHANGED_MARK = {"guestinfo.mark": "1"}, {"extra_config": {"guestinfo.mark": "2"}}
IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
Device = vim.vm.device

VALUES: Mapping[str, object] = {
    "alternate_guest_name": "Ours",
    "ept_rvi_mode": "on",
    "evc_mode": "intel-broadwell",
    "firmware": "bios",
    "guest_id": "otherGuest64",
    "hv_mode": "hvOn",
    "num_cores_per_socket": 1,
    "swap_placement_policy": "hostLocal",
    "tools_upgrade_policy": "upgradeAtPowerCycle",
}
"""New values of arguments that power the VM off with every change. The tests invert all other such arguments."""
REFUSED_WHILE_RUNNING: Mapping[str, Mapping[str, Any]] = {
    "cdrom": {"cdrom": [{"client_device": True}]},
    "latency": {"latency_sensitivity": "high"},
}
"""Changes that the stock provider tries on the running VM. The simulator refuses them, as vCenter does."""


def _rebooting(body: Mapping[str, Any], release: ProviderVersion) -> dict[str, dict[str, Any]]:
    """Return the changes that power off a clone of the first source: arguments by name of the change."""
    disks = body["disk"]

    def second_disk(**other: object) -> dict[str, Any]:
        return {"disk": [disks[0], disks[1] | other]}

    changes: dict[str, dict[str, Any]] = {
        argument: {argument: VALUES.get(argument, not body.get(argument))}
        for argument in ANY_CHANGE
        if is_known(release, argument)
    }
    # The source leaves these settings unset, so the replica ignores their changes.
    for argument in ("hv_mode", "ept_rvi_mode"):
        changes[argument]["lifecycle"] = {}
    changes |= {
        "memory-less": {"memory": body["memory"] - 1024},
        "disk-unit": second_disk(unit_number=3),
        "disk-mode": second_disk(disk_mode="independent_persistent"),
        "disk-write-through": second_disk(write_through=True),
        "disk-sharing": second_disk(disk_sharing="sharingMultiWriter"),
        "sata": {"sata_controller_count": 1},
        "scsi": {"scsi_controller_count": 2},
        "scsi-type": {"scsi_type": "lsilogic"},
        "scsi-sharing": {"scsi_bus_sharing": "virtualSharing"},
        "late": CHANGED_MARK | {"guest_id": "otherGuest64", "firmware": "bios"},
    }
    if not is_known(release, "extra_config_reboot_required"):
        changes["extra-config"] = CHANGED_MARK
    else:
        changes["asked-for"] = CHANGED_MARK | {"extra_config_reboot_required": True}
    if is_known(release, "nvme_controller_count"):
        changes["nvme"] = {"nvme_controller_count": 1}
    if release >= VTPM_COUNTED:
        changes["vtpm"] = {"vtpm": [{}]}
    if is_known(release, "video_card"):
        changes["video-card"] = {"video_card": [{"num_displays": 1, "total_video_memory": 8}]}
    return changes


def _hot(body: Mapping[str, Any], release: ProviderVersion) -> dict[str, dict[str, Any]]:
    """Return the changes that vSphere makes on a running VM: arguments by name of the change."""
    disks, interface = body["disk"], body["network_interface"][0]
    changes: dict[str, dict[str, Any]] = {
        "nothing": {},
        "name": {"name": "renamed"},
        "annotation": {"annotation": "changed"},
        "boot-delay": {"boot_delay": 5000},
        "boot-retry": {"boot_retry_enabled": True, "boot_retry_delay": 9000},
        "time": {"sync_time_with_host": not body.get("sync_time_with_host")},
        "cpu-shares": {"cpu_share_level": "high"},
        "cpu-limit": {"cpu_limit": 2000, "cpu_reservation": 100},
        "memory-reservation": {"memory_reservation": 512, "memory_limit": 8000},
        "memory-shares": {"memory_share_level": "low"},
        "processors-more": {"num_cpus": 4},
        "memory-more": {"memory": body["memory"] + 1024},
        "disk-shares": {"disk": [disks[0], disks[1] | {"io_limit": 500, "io_share_level": "high"}]},
        "disk-kept": {"disk": [disks[0], disks[1] | {"keep_on_remove": True}]},
        "disk-added": {"disk": [*disks, {"label": "more", "unit_number": 5, "size": 1}]},
        "adapter": {"network_interface": [interface | {"adapter_type": "e1000e"}]},
        "interface-added": {"network_interface": [interface, {"network_id": interface["network_id"]}]},
        "network": {"network_interface": [interface | {"network_id": "${data.vsphere_network.other.id}"}]},
        "bandwidth": {"network_interface": [interface | {"bandwidth_limit": 50}]},
        "waiting": {"wait_for_guest_ip_timeout": 1},
        "shutdown": {"shutdown_wait_timeout": 7, "force_power_off": False},
    }
    if is_known(release, "extra_config_reboot_required"):
        changes["extra-config"] = CHANGED_MARK
    return changes


def _of_the_plain_source(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return changes of clones of a source that has vApp properties and no hot add."""
    return {
        "cold-processors": {"num_cpus": 4},
        "cold-memory": {"memory": body["memory"] + 1024},
        "cold-vapp": {"vapp": [{"properties": {"role": "web"}}], "lifecycle": {}},
    }


def _of_the_older_source(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return changes of clones of a source with hardware version 17.

    Clones keep this version unless the configuration contains another version.
    """
    return {
        "hardware": {"hardware_version": 19},
        "hardware-step": {"hardware_version": 18, "guest_id": "otherGuest64"},
        "older-guest": {"guest_id": "otherGuest64"},
        "older-hot-add": {"memory_hot_add_enabled": True, "memory": body["memory"] + 1024},
    }


def _rejected(body: Mapping[str, Any], release: ProviderVersion) -> dict[str, dict[str, Any]]:
    """Return changes that require a power off. The stock provider tries them on the running VM."""
    if not is_known(release, "extra_config_reboot_required"):
        return {}
    return {
        "forgotten-guest": CHANGED_MARK | {"guest_id": "otherGuest64"},
        "forgotten-logging": CHANGED_MARK | {"enable_logging": not body.get("enable_logging")},
    }


def _plain(client: Client, name: str, version: str) -> None:
    standard: Any = Device.VirtualEthernetCard.NetworkBackingInfo
    info = vim.vApp.PropertyInfo(key=1, id="role", userConfigurable=True, type="string", value="db")
    vm = make(
        client,
        machine_spec(
            name,
            [
                controller(Device.ParaVirtualSCSIController, -1),
                disk(-1, 0, GIB),
                nic(Device.VirtualVmxnet3, standard(deviceName="VM Network")),
            ],
            version=version,
            vAppConfig=vim.vApp.VmConfigSpec(property=[vim.vApp.PropertySpec(operation="add", info=info)]),
        ),
    )
    result(vm.PowerOn())


@dataclass(frozen=True)
class Story:
    """The clones by kind of change, the warnings for each clone, and the calls that vCenter then received for it."""

    release: ProviderVersion
    names: Mapping[str, list[str]]
    """The clones by kind of change: "rebooting", "hot", "plain", "older", "rejected" or "refused"."""
    warned: Mapping[str, list[str]]
    """By clone: the arguments for which the apply warns of a power cycle."""
    warned_of_refusal: set[str]
    """The clones for which the apply warns that vCenter may refuse the change."""
    applied: Outcome
    rejected_plan: Outcome
    """The plan of the rejected changes."""
    done: Mapping[str, list[str]]
    """By clone: the methods that were called during the apply."""
    versions: Mapping[str, str]
    """The hardware versions of the clones of the older source, by clone."""
    rejected_apply: Outcome
    """The apply of the rejected changes with the stock provider alone."""

    def failed(self) -> set[str]:
        """Return the clones for which the apply failed."""
        return {each.address.partition(".")[2] for each in self.applied.errors}

    def saw(self, methods: set[str]) -> set[str]:
        """Return the clones on which one of these methods was called."""
        return {name for name, done in self.done.items() if methods & set(done)}


def _run_long(terraform: Terraform, *arguments: str) -> Outcome:
    """Run a command that may take longer than the default deadline."""
    with terraform.start(*arguments) as running:
        return running.finish(seconds=600)


def _warned(outcome: Outcome, summary: str) -> dict[str, list[str]]:
    return {
        each.address.partition(".")[2]: [
            line.strip().partition(":")[0] for line in each.detail.splitlines() if line.startswith("  ")
        ]
        for each in outcome.diagnostics
        if (each.severity, each.summary) == ("warning", summary)
    }


@pytest.fixture(scope="module")
def story(
    start_simulator: StartSimulator, plugin: Plugin, attach: Attach, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    release = plugin.release
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    with Client(simulator) as client:
        _plain(client, "plain", "vmx-19")
        _plain(client, "older", "vmx-17")
    golden = source_of(simulator, "golden")
    others = {name: source_of(simulator, name) for name in ("plain", "older")}
    body = machine(golden, release)
    kinds: dict[str, Mapping[str, Mapping[str, Any]]] = {
        "rebooting": _rebooting(body, release),
        "hot": _hot(body, release),
        "plain": _of_the_plain_source(machine(others["plain"], release)),
        "older": _of_the_older_source(machine(others["older"], release)),
        "refused": REFUSED_WHILE_RUNNING,
        "rejected": _rejected(body, release),
    }

    def written(*changed: str, by_plugin: bool = True) -> dict[str, Any]:
        whole = _document(kinds, others, golden, release, changed)
        if not by_plugin:
            whole["terraform"]["required_providers"]["vsphere"]["source"] = plugin.stock_source
            for body in whole["resource"]["vsphere_virtual_machine"].values():
                del body["instantclone"]
        return whole

    terraform = Terraform(
        tmp_path_factory.mktemp("held") / "terraform",
        simulator.environment(plugin.environment),
        initialised=plugin.initialised,
        attached=attach(simulator),
    )
    terraform.write(written())
    _run_long(terraform, "apply", "-parallelism=30").require()
    terraform.write(written("rejected"))
    rejected_plan = _run_long(terraform, "plan", "-parallelism=30")
    before = _calls(simulator, kinds)
    terraform.write(written("rebooting", "hot", "plain", "older", "refused"))
    applied = _run_long(terraform, "apply", "-parallelism=30")
    with Client(simulator) as client:
        versions = {name: client.vm(f"c-{name}").config.version for name in kinds["older"]}
    rejected_apply = Outcome(0, "", "", "")
    if kinds["rejected"]:
        terraform.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, plugin.stock_source).require()
        terraform.write(written("rebooting", "hot", "plain", "older", "rejected", by_plugin=False))
        terraform.init("-upgrade")
        targets = [f"-target=vsphere_virtual_machine.{name}" for name in kinds["rejected"]]
        rejected_apply = _run_long(terraform, "apply", *targets)
    return Story(
        release,
        {kind: list(changes) for kind, changes in kinds.items()},
        _warned(applied, "Change reboots or moves clone"),
        set(_warned(applied, "Change may be rejected")),
        applied,
        rejected_plan,
        {name: methods[len(before[name]) :] for name, methods in _calls(simulator, kinds).items()},
        versions,
        rejected_apply,
    )


def _calls(simulator: Simulator, kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for changes in kinds.values() for name in changes}
    for call in simulator.calls():
        found.setdefault("name" if call.vm == "renamed" else call.vm.removeprefix("c-"), []).append(call.method)
    return {name: found[name] for changes in kinds.values() for name in changes}


def _document(
    kinds: Mapping[str, Mapping[str, Mapping[str, Any]]],
    others: Mapping[str, SourceVm],
    golden: SourceVm,
    release: ProviderVersion,
    changed: tuple[str, ...],
) -> dict[str, Any]:
    machines = {}
    for kind, changes in kinds.items():
        source = others.get(kind, golden)
        block = [{"source_uuid": source.uuid, "on_reboot": "reboot"}]
        for name, change in changes.items():
            body = machine(source, release, name=f"c-{name}", extra_config=MARK, instantclone=block)
            machines[name] = {**body, **(change if kind in changed else {})}
    whole = document(release, machines)
    whole["data"]["vsphere_network"] = {"other": {"name": "DC0_DVPG1", **IN_DATACENTER}}
    return whole


def test_covers_every_argument_that_always_powers_the_vm_off(story: Story) -> None:
    assert {argument for argument in ANY_CHANGE if is_known(story.release, argument)} <= set(story.names["rebooting"])


def test_power_cycles_exactly_the_clones_with_a_warning(story: Story) -> None:
    assert story.saw(OFF) == set(story.warned)
    # The simulator has no EVC modes. If the provider cannot set the EVC mode of a VM, it leaves the VM powered off.
    assert story.saw(ON) == set(story.warned) - {"evc_mode"}
    assert set(story.warned) == {*story.names["rebooting"], *story.names["plain"], *story.names["older"]}


def test_upgrades_the_hardware_to_the_configured_version(story: Story) -> None:
    assert story.versions == {
        "hardware": "vmx-19",
        "hardware-step": "vmx-18",
        "older-guest": "vmx-17",
        "older-hot-add": "vmx-17",
    }
    assert story.saw({"UpgradeVM_Task"}) == {"hardware", "hardware-step"}


def test_makes_hot_changes_on_the_running_clones(story: Story) -> None:
    hot = {name: story.done[name] for name in story.names["hot"]}
    without_a_call = {"nothing", "disk-kept", "waiting", "shutdown"}
    assert {name for name, methods in hot.items() if not methods} == without_a_call
    assert {method for methods in hot.values() for method in methods} <= {"ReconfigVM_Task", "Rename_Task"}


def test_warns_of_changes_that_vcenter_refuses_on_a_running_vm(story: Story) -> None:
    assert story.failed() == set(story.names["refused"])
    assert story.warned_of_refusal == set(story.names["refused"])
    assert {name: story.done[name] for name in story.names["refused"]} == {
        name: ["ReconfigVM_Task"] for name in story.names["refused"]
    }


def test_rejects_changes_for_which_the_stock_provider_omits_the_power_off(story: Story) -> None:
    """The stock provider omits the power off if extra_config changes and extra_config_reboot_required is false."""
    names = story.names["rejected"]
    assert bool(names) == is_known(story.release, "extra_config_reboot_required")
    assert {(each.summary, each.address) for each in story.rejected_plan.errors} == {
        ("Change requires reboot or move", f"vsphere_virtual_machine.{name}") for name in names
    }
    # The error is correct, because the stock provider alone fails to apply these changes.
    assert {each.address.partition(".")[2] for each in story.rejected_apply.errors} == set(names)
    assert {name: story.done[name] for name in names} == {name: ["ReconfigVM_Task"] for name in names}
