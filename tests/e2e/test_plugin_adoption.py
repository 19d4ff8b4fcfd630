# SPDX-License-Identifier: MPL-2.0
"""Import VMs into the state, and continue with the stock provider on a state of the plugin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testkit.clone_stack import clones, document, machine
from tests.e2e.conftest import Bench, NewTerraform, Plugin

pytestmark = pytest.mark.attached


def _create_clone(bench: Bench, name: str, **arguments: Any) -> None:
    """Create a clone in the state of the bench's folder."""
    bench.terraform.write(clones(bench.source, bench.release, [name], **arguments))
    bench.terraform.apply()


def test_import_block_does_not_change_the_clone(bench: Bench, new_terraform: NewTerraform) -> None:
    extra = {"guestinfo.ic.hostname": "imported"}
    _create_clone(bench, "imported", extra_config=extra)
    other = new_terraform(bench.simulator)
    whole = document(
        bench.release,
        {"vm": machine(bench.source, bench.release, name="imported", extra_config=extra)},
        **{"import": [{"to": "vsphere_virtual_machine.vm", "id": "/DC0/vm/imported"}]},
    )
    other.write(whole)

    other.run("plan", "-out=saved").require()
    (change,) = json.loads(other.run("show", "-json", "saved").require().stdout)["resource_changes"]
    other.apply()

    assert change["change"]["actions"] in (["no-op"], ["update"])
    after = change["change"]["after"]
    assert [(disk["label"], disk["size"], disk["keep_on_remove"]) for disk in after["disk"]] == [
        ("disk0", 16, False),
        ("disk1", 8, False),
    ]
    state = other.attributes("vm")
    assert [(disk["label"], disk["keep_on_remove"]) for disk in state["disk"]] == [("disk0", False), ("disk1", False)]
    assert state["extra_config"] == extra
    assert state["instantclone"] == [{"source_uuid": bench.source.uuid, "timeout": None, "on_reboot": None}]
    assert bench.methods("imported") == []
    assert other.plan() == {}
    other.destroy()
    assert bench.methods("imported") == ["ShutdownGuest", "Destroy_Task"]


def test_import_command_does_not_change_the_clone(bench: Bench, new_terraform: NewTerraform) -> None:
    _create_clone(bench, "by-command")
    other = new_terraform(bench.simulator)
    other.write(clones(bench.source, bench.release, ["by-command"]))
    other.run("import", "-input=false", 'vsphere_virtual_machine.vm["by-command"]', "/DC0/vm/by-command").require()

    other.apply()

    assert bench.methods("by-command") == []
    assert [disk["label"] for disk in other.attributes("by-command")["disk"]] == ["disk0", "disk1"]
    assert other.plan() == {}


def test_rejects_an_imported_vm_with_a_disk_that_the_configuration_lacks(
    bench: Bench, new_terraform: NewTerraform
) -> None:
    _create_clone(bench, "lopsided")
    other = new_terraform(bench.simulator)
    disks = machine(bench.source, bench.release)["disk"]
    other.write(clones(bench.source, bench.release, ["lopsided"], disk=disks[:1]))
    other.run("import", "-input=false", 'vsphere_virtual_machine.vm["lopsided"]', "/DC0/vm/lopsided").require()

    (error,) = other.run("apply").errors

    assert error.summary == "Disk is not configured"
    assert error.detail.startswith(
        "lopsided: the configuration has no disk block for these disks: scsi unit 1, 8 GiB ("
    )
    assert bench.methods("lopsided") == []


def test_stock_provider_continues_with_the_state(bench: Bench, plugin: Plugin, new_terraform: NewTerraform) -> None:
    extra = {"guestinfo.ic.hostname": "left"}
    _create_clone(bench, "left", extra_config=extra)
    terraform = bench.terraform
    whole = clones(bench.source, bench.release, ["left"], extra_config=extra)
    source = whole["terraform"]["required_providers"]["vsphere"]["source"]
    whole["terraform"]["required_providers"]["vsphere"]["source"] = plugin.stock_source
    del whole["resource"]["vsphere_virtual_machine"]["vm"]["instantclone"]
    terraform.run("state", "replace-provider", "-auto-approve", source, plugin.stock_source).require()
    terraform.write(whole)
    terraform.init("-upgrade")

    assert terraform.plan() == {}

    terraform.apply()
    assert "instantclone" not in terraform.attributes("left")
    assert bench.methods("left") == []
    terraform.destroy()
    assert bench.methods("left") == ["ShutdownGuest", "Destroy_Task"]


def test_destroys_clones_after_their_source_is_gone(bench: Bench) -> None:
    from testkit.clone_stack import source_of
    from tests.vcsim.client import Client, clone, result

    with Client(bench.simulator) as client:
        clone(client.vm("golden"), "short-lived")
        source = source_of(bench.simulator, "short-lived")
        bench.terraform.write(clones(source, bench.release, ["survivor"]))
        bench.terraform.apply()
        vm = client.vm("short-lived")
        result(vm.PowerOff())
        result(vm.Destroy())

    assert bench.terraform.plan() == {}
    bench.terraform.destroy()

    assert bench.terraform.instances() == {}
    assert bench.methods("survivor") == ["ShutdownGuest", "Destroy_Task"]
