# SPDX-License-Identifier: MPL-2.0
"""Tests of vApps: a VM in a vApp is in no folder, and its inventory path contains the vApp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyVmomi import vim

from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone, fault_of, machine_spec, make, make_vapp, pool_spec, result, spec

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def client(start_simulator: StartSimulator) -> Iterator[Client]:
    with Client(start_simulator("-pool", 1)) as client:
        yield client


@pytest.fixture(scope="module")
def app(client: Client) -> Any:
    return make_vapp(client, "app")


@pytest.fixture(scope="module")
def source(client: Client) -> Any:
    return client.vm("golden-web")


def place(vm: Any) -> tuple[Any, Any, Any]:
    return vm.parent, vm.parentVApp, vm.resourcePool


def test_folder_and_pool_list_a_new_vapp(client: Client, app: Any) -> None:
    assert app in client.find("vm").childEntity
    assert app in client.find("host/DC0_C0").resourcePool.resourcePool
    assert client.find("vm/app") == client.find("host/DC0_C0/Resources/app") == app


def test_inner_vapp_has_the_outer_vapp_as_parent_and_no_folder(client: Client, app: Any) -> None:
    inner = make_vapp(client, "inner", app)
    assert (inner.parent, inner.parentFolder, inner.parentVApp) == (app, None, app)
    assert client.find("host/DC0_C0/Resources/app/inner") == client.find("vm/app/inner") == inner
    assert inner not in client.find("vm").childEntity


def test_pool_in_a_vapp_has_a_path(client: Client, app: Any) -> None:
    pool = app.CreateResourcePool("below", pool_spec())
    assert client.find("host/DC0_C0/Resources/app/below") == pool
    assert pool.parent == app


def test_clones_into_a_vapp_whatever_the_type_of_the_reference(client: Client, app: Any, source: Any) -> None:
    stub = client.instance._stub
    as_pool, root = vim.ResourcePool(app._moId, stub), client.find("host/DC0_C0").resourcePool
    assert as_pool.name == "app"
    assert fault_of(lambda: vim.VirtualApp(root._moId, stub).name) == "ManagedObjectNotFound"
    vm = clone(source, "cloned", pool=as_pool, folder=client.find("vm"))
    assert place(vm) == (None, app, app)
    assert client.vm("app/cloned") == vm
    assert (client.vm("cloned"), vm in app.vm, vm in client.find("vm").childEntity) == (None, True, False)


def test_only_its_pool_lists_a_vm_in_a_pool_in_a_vapp(client: Client, app: Any, source: Any) -> None:
    pool = app.CreateResourcePool("around", pool_spec())
    vm = clone(source, "deeper", pool=pool)
    assert place(vm) == (None, app, pool)
    assert (vm in pool.vm, vm in app.vm) == (True, False)


def test_clone_of_a_vm_in_a_vapp_needs_no_vapp(client: Client, app: Any, source: Any) -> None:
    inside, root = clone(source, "origin", pool=app), client.find("host/DC0_C0").resourcePool
    assert place(clone(inside, "outside", pool=root)) == (client.find("vm"), None, root)


def test_clone_without_a_pool_is_in_the_vapp_of_its_source(client: Client, app: Any, source: Any) -> None:
    assert place(clone(clone(source, "parent", pool=app), "child")) == (None, app, app)


def test_name_is_unique_in_a_vapp(client: Client, app: Any, source: Any) -> None:
    clone(source, "twice", pool=app)
    checker = client.content.vmProvisioningChecker
    assert fault_of(lambda: source.InstantClone_Task(spec("twice", pool=app))) == "DuplicateName"
    findings = result(checker.CheckInstantClone_Task(source, spec("twice", pool=app)))
    assert [type(each).__name__ for one in findings for each in one.error] == ["vim.fault.DuplicateName"]
    assert clone(source, "twice").parent == client.find("vm")


def test_creates_a_vm_in_a_vapp(client: Client, app: Any) -> None:
    by_folder = result(client.find("vm").CreateVM_Task(config=machine_spec("by-folder"), pool=app))
    by_app = result(app.CreateChildVM_Task(config=machine_spec("by-app")))
    assert place(by_folder) == place(by_app) == (None, app, app)


def test_vm_moves_into_a_vapp_and_back_to_the_folder_of_the_vapp(client: Client) -> None:
    folder, root = client.find("vm").CreateFolder("of-the-vapp"), client.find("host/DC0_C0").resourcePool
    app, vm = make_vapp(client, "moving", folder="vm/of-the-vapp"), make(client, machine_spec("moved"))

    app.MoveIntoResourcePool([vm])
    assert place(vm) == (None, app, app)
    root.MoveIntoResourcePool([vm])
    assert place(vm) == (folder, None, root)
    assert (vm in folder.childEntity, vm in app.vm) == (True, False)


def test_relocates_a_vm_into_a_vapp(client: Client, app: Any, source: Any) -> None:
    vm = clone(source, "relocated")
    result(vm.RelocateVM_Task(vim.vm.RelocateSpec(pool=app)))
    assert place(vm) == (None, app, app)


def test_vm_in_a_vapp_moves_into_no_folder(client: Client, app: Any, source: Any) -> None:
    vm = clone(source, "settled", pool=app)
    assert fault_of(lambda: client.find("vm").MoveIntoFolder_Task([vm])) == "NotSupported"
    assert place(vm) == (None, app, app)


def test_destroys_only_a_powered_off_vm_in_a_vapp(client: Client, app: Any, source: Any) -> None:
    vm = clone(source, "destroyed", pool=app)
    assert fault_of(vm.Destroy_Task) == "InvalidPowerState"
    assert (client.vm("app/destroyed"), place(vm)) == (vm, (None, app, app))

    result(vm.PowerOffVM_Task())
    result(vm.Destroy_Task())
    assert (client.vm("app/destroyed"), client.vm("destroyed")) == (None, None)
    assert "destroyed" not in [each.name for each in app.vm]


def test_destroys_an_empty_vapp(client: Client, source: Any) -> None:
    app, root = make_vapp(client, "dissolved"), client.find("host/DC0_C0").resourcePool
    vm = clone(source, "dissolved-vm", pool=app)
    assert fault_of(app.Destroy_Task) == "NotSupported"
    assert client.vm("dissolved/dissolved-vm") == vm

    root.MoveIntoResourcePool([vm])
    result(app.Destroy_Task())
    assert client.find("vm/dissolved") is client.find("host/DC0_C0/Resources/dissolved") is None
    assert "dissolved" not in [each.name for each in [*client.find("vm").childEntity, *root.resourcePool]]
