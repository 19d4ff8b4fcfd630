# SPDX-License-Identifier: MPL-2.0
"""Tests of the flag -load with inventories that are incomplete, and with folders that cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from pyVmomi import vim

from testkit.simulator import Simulator, SimulatorError
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, make_vapp, plain, result
from tests.vcsim.saving import save

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def saved(start_simulator: StartSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the default inventory with an empty vApp, and return its folder."""
    folder = tmp_path_factory.mktemp("saved")
    simulator = start_simulator()
    with Client(simulator) as client:
        make_vapp(client, "app")
    save(simulator, folder)
    return folder


def copy(saved: Path, to: Path, pattern: str = "", old: str = "", new: str | None = None) -> None:
    """Copy the objects of a saved inventory, without the saved answers of methods.

    In files that match `pattern`, replace `old` by `new`. If `new` is None, leave these files out.
    """
    for file in saved.glob("*.xml"):
        text = file.read_text()
        if pattern and file.match(pattern):
            if new is None:
                continue
            text = text.replace(old, new)
        (to / file.name).write_text(text)


def file_of(saved: Path, name: str) -> str:
    """Return the name of the file of the object with this name."""
    (found,) = [
        file.name
        for file in saved.glob("*.xml")
        if ElementTree.parse(file).findtext("propSet[name='name']/val") == name
    ]
    return found


def names(client: Client) -> list[str]:
    """Return the names of all VMs in alphabetical order."""
    return sorted(vm.name for vm in client.find("vm").childEntity if isinstance(vm, vim.VirtualMachine))


def test_vm_without_config_is_left_out(saved: Path, start_simulator: StartSimulator, tmp_path: Path) -> None:
    copy(saved, tmp_path, file_of(saved, "golden-web"), "<name>config</name>", "<name>other</name>")

    with Client(start_simulator("-load", tmp_path)) as client:
        assert names(client) == ["DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1", "golden-off"]
        cluster = client.find("host/DC0_C0")
        owners = [*cluster.host, cluster.resourcePool, *client.find("datastore").childEntity, *cluster.network]
        assert {vm.name for owner in owners for vm in owner.vm} == set(names(client))


def test_vms_of_a_host_that_was_not_saved_are_left_out(
    saved: Path, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    with Client(start_simulator()) as client:
        gone = sorted(vm.name for vm in client.find("host/DC0_C0").host[1].vm)
        before = names(client)
    copy(saved, tmp_path, file_of(saved, "DC0_C0_H1"))

    with Client(start_simulator("-load", tmp_path)) as client:
        assert gone
        assert names(client) == [name for name in before if name not in gone]


def test_file_outside_of_its_datastore_is_not_created(
    saved: Path, start_simulator: StartSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "saved", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    copy(saved, folder, file_of(saved, "golden-web"), "golden-web/golden-web.nvram", "../../../outside.nvram")
    copy(folder, folder, file_of(saved, "golden-off"), "golden-off/golden-off.vmx", "../../../outside.vmx")

    with Client(start_simulator("-load", folder)) as client:
        assert "../../../outside.nvram" in str(plain(client.vm("golden-web").layoutEx))
        assert names(client) == ["DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1", "golden-web"]
        assert sorted(file.name for file in tmp_path.iterdir()) == ["saved", "temporary"]


def test_without_saved_browsers_the_hosts_determine_the_newest_hardware_version(
    saved: Path, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    copy(saved, tmp_path, "*-EnvironmentBrowser-*")

    with Client(start_simulator("-load", tmp_path)) as client:
        cluster, source = client.find("host/DC0_C0"), client.vm("golden-web")
        assert cluster.host[0].summary.config.product.version == "8.0.2"
        assert cluster.environmentBrowser.QueryConfigOption().version == "vmx-21"
        assert source.environmentBrowser.QueryConfigOption().version == "vmx-19"
        assert clone(source, "made").config.version == "vmx-19"


def test_vm_in_a_vapp_is_cloned_and_destroyed(saved: Path, start_simulator: StartSimulator, tmp_path: Path) -> None:
    app = ElementTree.parse(saved / file_of(saved, "app")).findtext("obj")
    source = ElementTree.parse(saved / file_of(saved, "golden-web"))
    copy(saved, tmp_path)
    for name in ("resourcePool", "parent"):  # vCenter reports parentVApp instead of parent
        label, value = source.find(f"propSet[name='{name}']/name"), source.find(f"propSet[name='{name}']/val")
        assert label is not None
        assert value is not None
        label.text = label.text.replace("parent", "parentVApp") if label.text else ""
        value.set("type", "VirtualApp")
        value.text = app
    source.write(tmp_path / file_of(saved, "golden-web"))

    with Client(start_simulator("-load", tmp_path)) as client:
        vm = client.vm("golden-web")
        assert (vm.parentVApp.name, vm.parent.name) == ("app", "vm")
        made = clone(vm, "of-app")
        assert made.resourcePool == vm.parentVApp
        for each in (made, vm):
            result(each.PowerOffVM_Task())
            result(each.Destroy_Task())
        assert "golden-web" not in names(client)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-load", "nowhere"), "-load: nowhere: folder not found. Save an inventory with: govc object.save -d FOLDER"),
        (("-load", __file__), "-load: .*cannot be read: not a directory"),
        (
            ("-load", "nowhere", "-source", "web"),
            "-load: cannot be combined with -source, because the saved inventory determines it. Remove one of",
        ),
    ],
)
def test_invalid_flags_raise_an_error(flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        Simulator(*flags).start()


@pytest.mark.parametrize(
    "flag", ["off", "layout", "vm", "pool", "host", "pods", "cdrom", "version", "hardware", "opaque"]
)
def test_flags_that_describe_the_inventory_raise_an_error(flag: str) -> None:
    value = {"layout": "web=minimal", "version": "8.0.2", "hardware": "vmx-19"}.get(flag, "1")

    with pytest.raises(SimulatorError, match=f"-load: cannot be combined with -{flag},"):
        Simulator("-load", "nowhere", f"-{flag}", value).start()


@pytest.mark.parametrize(
    ("pattern", "old", "new", "message"),
    [
        ("*", "", None, "has no ServiceInstance. Save the whole vCenter with: govc object.save -d FOLDER"),
        ("0000-*", "", None, "has no ServiceInstance"),
        ("0000-*", "VirtualCenter", "HostAgent", r"is the inventory of an ESXi host \(apiType HostAgent\)"),
        ("*-TaskManager-*", "", None, "the object TaskManager TaskManager is missing"),
        ("*-OptionManager-*", "", None, "the OptionManager must be saved before the datastores"),
        ("*-VirtualMachine-*", "</obj>", "</ref>", "VirtualMachine-vm-.*is not an object that govc saved: XML syntax"),
        ("*-VirtualMachine-*", "<ObjectContent", "<other/><ObjectContent", "govc saved: it has no managed object id"),
        ("*-Datastore-*", "<name>info</name>", "<name>other</name>", "the inventory is incomplete: .*Save the whole"),
    ],
)
def test_folder_that_cannot_be_loaded_raises_an_error(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, old: str, new: str | None, message: str
) -> None:
    folder, temporary = tmp_path / "saved", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    copy(saved, folder, pattern, old, new)

    with pytest.raises(SimulatorError, match=message) as raised:
        Simulator("-load", folder).start()

    assert "goroutine" not in str(raised.value)
    assert list(temporary.iterdir()) == []


def test_frozen_vm_that_the_saved_inventory_lacks_raises_an_error(saved: Path) -> None:
    with pytest.raises(SimulatorError, match=r'-frozen: the inventory has no VM "nobody"\. Use the name of a VM in '):
        Simulator("-load", saved, "-frozen", "nobody").start()
