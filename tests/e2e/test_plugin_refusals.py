# SPDX-License-Identifier: MPL-2.0
"""Configurations that Terraform, the plugin or vCenter rejects. No clone is created."""

from __future__ import annotations

from typing import Any

import pytest

from instant_clone.stock_provider.releases import DEVICE_LABELS_IMPORTED
from testkit.clone_stack import clones, machine, source_of
from tests.conftest import StartSimulator
from tests.e2e.conftest import Bench, NewTerraform, Plugin
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.attached

MISSING = "564d3a5c-7b1e-4f6a-9c2d-0123456789ab"


def _refused(bench: Bench, name: str, **arguments: Any) -> tuple[str, str]:
    """Return the summary and the detail of the one error of both plan and apply.

    Check that neither of them has created the clone.
    """
    bench.terraform.write(clones(bench.source, bench.release, [name], **arguments))
    bench.simulator.requests(reset=True)
    planned, applied = bench.terraform.run("plan"), bench.terraform.run("apply")
    assert (planned.code, applied.code) == (1, 1)
    assert planned.errors == applied.errors
    assert "InstantClone_Task" not in bench.simulator.requests()
    with pytest.raises(KeyError):
        bench.simulator.vm(name)
    (error,) = planned.errors
    assert error.address == f'vsphere_virtual_machine.vm["{name}"]'
    return error.summary, error.detail


@pytest.mark.parametrize("other", ["clone", "ovf_deploy"])
def test_rejects_a_second_block_that_creates_the_vm(bench: Bench, other: str) -> None:
    content = {"clone": {"template_uuid": MISSING}, "ovf_deploy": {"local_ovf_path": "vm.ovf"}}[other]
    bench.terraform.write(clones(bench.source, bench.release, ["both"], **{other: [content]}))

    validated = bench.terraform.run("validate")

    assert validated.code == 1
    assert [(error.summary, error.detail) for error in validated.errors] == [
        (
            "Conflicting blocks",
            f'The blocks "instantclone" and "{other}" are mutually exclusive. Remove one of them.',
        )
    ]


def test_reports_all_errors_of_the_block_together(bench: Bench) -> None:
    wrong = [{"source_uuid": "golden", "timeout": 0}]
    bench.terraform.write(clones(bench.source, bench.release, ["wrong"], instantclone=wrong))

    validated = bench.terraform.run("validate")

    assert [(error.summary, error.detail) for error in validated.errors] == [
        (
            "Invalid source_uuid",
            'instantclone.source_uuid is "golden". It must be the BIOS UUID of the source virtual machine, '
            "such as 564d3a5c-7b1e-4f6a-9c2d-0123456789ab.",
        ),
        ("Invalid timeout", "instantclone.timeout is 0 minutes. It must be at least 1."),
    ]


def test_terraform_rejects_two_blocks_and_unknown_arguments(bench: Bench) -> None:
    block = {"source_uuid": bench.source.uuid}
    bench.terraform.write(clones(bench.source, bench.release, ["two"], instantclone=[block, block]))
    assert [error.summary for error in bench.terraform.run("validate").errors] == ["Too many instantclone blocks"]

    bench.terraform.write(clones(bench.source, bench.release, ["odd"], instantclone=[{**block, "colour": "green"}]))
    assert bench.terraform.run("validate").code == 1

    bench.terraform.write(clones(bench.source, bench.release, ["less"], instantclone=[{"timeout": 3}]))
    assert [error.summary for error in bench.terraform.run("validate").errors] == ["Missing required argument"]


def test_rejects_a_source_that_does_not_exist(bench: Bench) -> None:
    assert _refused(bench, "nothing", instantclone=[{"source_uuid": MISSING}]) == (
        "Not found in vCenter",
        f"{bench.simulator.address}: no virtual machine has the UUID {MISSING}. Check that the source still exists and "
        "that its record is from this vCenter. `instant-clone record` writes a new record.",
    )


def test_rejects_a_source_that_is_powered_off(bench: Bench) -> None:
    sleeping = source_of(bench.simulator, "sleeping").uuid
    assert _refused(bench, "asleep", instantclone=[{"source_uuid": sleeping}]) == (
        "Source is not powered on",
        "/DC0/vm/sleeping: the source is not powered on. An instant clone starts from the running state of its source. "
        "Power it on, or select another source.",
    )


def test_rejects_a_configuration_that_would_power_cycle_the_clone(bench: Bench) -> None:
    summary, detail = _refused(bench, "cycled", nested_hv_enabled=True, memory=2048)

    assert summary == "Configuration would power-cycle the clone"
    assert detail.splitlines()[0] == (
        "/DC0/vm/golden: the configuration differs from the source in arguments that cannot change while the clone is "
        "running. An instant clone that is powered off loses the memory that it shares with its source."
    )
    assert sorted(detail.splitlines()[1:-1]) == [
        "  memory: the source has 4096, the configuration has 2048. Memory cannot be taken from a running VM.",
        "  nested_hv_enabled: the source has false, the configuration has true. The provider changes nested_hv_enabled "
        "only while the VM is off.",
    ]
    assert detail.splitlines()[-1] == "Set these arguments to the source's values, or change the source."


def test_rejects_a_configuration_without_a_disk_of_the_source(bench: Bench) -> None:
    disks = machine(bench.source, bench.release)["disk"]
    assert _refused(bench, "short", disk=disks[:1]) == (
        "Disk is not configured",
        "/DC0/vm/golden: the configuration has no disk block for these disks: scsi unit 1, 8 GiB "
        f"({'disk1' if bench.release < DEVICE_LABELS_IMPORTED else 'Hard disk 2'}). The stock provider would remove "
        "them from the clone. Add a disk block with the controller_type and unit_number of each disk.",
    )


def test_rejects_a_template_as_the_source(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform
) -> None:
    simulator = start_simulator("-source", "golden")
    source = source_of(simulator, "golden")
    with Client(simulator) as client:
        vm = client.vm("golden")
        result(vm.PowerOff())
        vm.MarkAsTemplate()
    terraform = new_terraform(simulator)

    assert _refused(Bench(simulator, source, plugin.release, terraform), "plain") == (
        "Source is a template",
        "/DC0/vm/golden: the source is a template. An instant clone starts from the running state of its source. "
        "Select a virtual machine as the source.",
    )
    # The plugin rejects only new clones. Terraform can still refresh and destroy the existing objects.
    assert terraform.run("destroy").require().changes == {}


def test_next_apply_succeeds_after_a_fault_of_vcenter(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["unlucky"]))
    bench.simulator.fault("InstantClone_Task", "InsufficientMemoryResourcesFault", vm="unlucky")

    failed = bench.terraform.run("apply")

    (error,) = failed.errors
    assert (error.summary, error.address) == ("Instant clone failed", 'vsphere_virtual_machine.vm["unlucky"]')
    assert error.detail.startswith(
        f"{bench.simulator.address} (cloning /DC0/vm/golden as unlucky): vCenter answers with "
        "InsufficientMemoryResourcesFault"
    )
    assert bench.terraform.instances() == {}
    bench.terraform.apply()
    assert list(bench.terraform.instances()) == ["unlucky"]


def test_rejects_a_name_that_another_vm_has(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["silver"]))

    (error,) = bench.terraform.run("plan").errors

    silver = source_of(bench.simulator, "silver")
    assert (error.summary, error.detail) == (
        "Name already in use",
        f"/DC0/vm/silver: a virtual machine with this name already exists, with the UUID {silver.uuid}. If this "
        "virtual machine is the clone, import it: terraform import ADDRESS '/DC0/vm/silver', with the address above as "
        "ADDRESS, in single quotes and without any text in parentheses. Otherwise choose another name, or delete the "
        "virtual machine.",
    )
    assert bench.simulator.vm("silver").power == "poweredOn"
