# SPDX-License-Identifier: MPL-2.0
"""Tests of errors of the look-up, with answers of vCenter that the simulator cannot give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyVmomi import vim, vmodl
from pyVmomi.VmomiSupport import GetVmodlType

from instant_clone.errors import VcenterError
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import Session
from tests.instant_clone.vcenter.conftest import configuration

Collector = vmodl.query.PropertyCollector
networks = GetVmodlType("vim.Network[]")
MACHINE = vim.VirtualMachine("vm-42")


def read(
    entity: Any, properties: dict[str, object], refused: dict[str, vmodl.MethodFault] | None = None
) -> Collector.ObjectContent:
    return Collector.ObjectContent(
        obj=entity,
        propSet=[vmodl.DynamicProperty(name=name, val=value) for name, value in properties.items()],
        missingSet=[Collector.MissingProperty(path=path, fault=fault) for path, fault in (refused or {}).items()],
    )


def session_that_answers(
    properties: dict[str, object],
    *others: Collector.ObjectContent,
    refused: dict[str, vmodl.MethodFault] | None = None,
    about: vim.AboutInfo | None = None,
) -> Session:
    """Return a session with a vCenter whose only VM has these properties."""
    answer = Collector.RetrieveResult(objects=[read(MACHINE, properties, refused), *others])
    content = SimpleNamespace(
        propertyCollector=SimpleNamespace(RetrievePropertiesEx=lambda *_: answer),
        searchIndex=SimpleNamespace(FindByInventoryPath=lambda _: MACHINE),
        about=about or vim.AboutInfo(apiType="VirtualCenter", version="8.0.3", instanceUuid="50de"),
    )
    instance = SimpleNamespace(_GetStub=lambda: None)
    return Session(
        cast(vim.ServiceInstance, instance), cast(vim.ServiceInstanceContent, content), server="vcenter.example"
    )


@pytest.mark.parametrize("state", ["disconnected", "orphaned", "inaccessible", "invalid"])
def test_rejects_a_vm_that_is_not_connected(state: str) -> None:
    session = session_that_answers({"name": "web", "config": configuration(), "runtime.connectionState": state})
    with pytest.raises(VcenterError) as caught:
        look_up(session, "/DC0/vm/web", datacenter="DC0")
    assert str(caught.value) == (
        f"/DC0/vm/web: vCenter has no current configuration of this VM, whose connection state is {state}."
        " Check that its host is connected and that the user may read the VM."
    )


def test_rejects_a_vm_without_a_configuration() -> None:
    session = session_that_answers({"name": "web", "runtime.connectionState": "connected"})
    with pytest.raises(VcenterError, match="has no current configuration of this VM"):
        look_up(session, "/DC0/vm/web", datacenter="DC0")


def test_names_the_privilege_for_an_unreadable_property() -> None:
    session = session_that_answers(
        {"name": "web", "runtime.connectionState": "connected"},
        refused={"config": vim.fault.NoPermission(privilegeId="System.Read")},
    )
    with pytest.raises(VcenterError) as caught:
        look_up(session, "/DC0/vm/web", datacenter="DC0")
    assert str(caught.value) == (
        "/DC0/vm/web: the user lacks the privilege System.Read on vm-42. Ask for the privilege, or log in as another "
        "user."
    )


def test_names_a_missing_privilege_once() -> None:
    fault = vim.fault.NoPermission(privilegeId="System.Read")
    session = session_that_answers({"name": "web"}, refused={"config": fault, "network": fault})
    with pytest.raises(VcenterError) as caught:
        look_up(session, "/DC0/vm/web", datacenter="DC0")
    assert len(caught.value.findings) == 1


def test_reports_a_property_that_vcenter_fails_to_read() -> None:
    session = session_that_answers({"name": "web"}, refused={"config": vmodl.fault.SystemError(msg="Out of luck.")})
    with pytest.raises(VcenterError) as caught:
        look_up(session, "/DC0/vm/web", datacenter="DC0")
    assert str(caught.value) == (
        "/DC0/vm/web: vCenter refuses to read config of vm-42: SystemError: Out of luck. Run the command again."
    )


def test_names_the_privilege_for_an_unreadable_network() -> None:
    network = vim.Network("network-7")
    hidden = read(network, {}, {"name": vim.fault.NoPermission(privilegeId="System.Read")})
    session = session_that_answers(
        {
            "name": "web",
            "config": configuration(),
            "runtime.connectionState": "connected",
            "network": networks([network]),
        },
        hidden,
    )
    with pytest.raises(VcenterError, match=r"the privilege System\.Read on network-7\."):
        look_up(session, "/DC0/vm/web", datacenter="DC0")


def test_ignores_networks_of_other_vms() -> None:
    card = vim.vm.device.VirtualVmxnet3(
        key=4000,
        backing=vim.vm.device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(
            port=vim.dvs.PortConnection(portgroupKey="dvportgroup-9", switchUuid="50 01")
        ),
    )
    own, foreign = (vim.dvs.DistributedVirtualPortgroup(moid) for moid in ("dvportgroup-9", "dvportgroup-77"))
    session = session_that_answers(
        {
            "name": "web",
            "config": configuration(hardware=vim.vm.VirtualHardware(numCPU=1, memoryMB=4, device=[card])),
            "runtime.connectionState": "connected",
            "network": networks([own]),
        },
        read(own, {"name": "own", "key": "dvportgroup-9"}),
        read(foreign, {"name": "of a switch with the same keys", "key": "dvportgroup-9"}),
    )
    assert [nic.network_name for nic in look_up(session, "/DC0/vm/web", datacenter="DC0").nics] == ["own"]


def test_vm_in_unreadable_folders_keeps_the_path_of_the_user() -> None:
    properties = {"name": "web", "config": configuration(), "runtime.connectionState": "connected"}
    session = session_that_answers(properties | {"parent": vim.Folder("group-v3")})
    assert look_up(session, "golden/web", datacenter="DC0").inventory_path == "/DC0/vm/golden/web"


def test_vm_in_unreadable_folders_needs_a_path() -> None:
    properties = {"name": "web", "config": configuration(), "runtime.connectionState": "connected"}
    session = session_that_answers(properties | {"parent": vim.Folder("group-v3")})
    with pytest.raises(VcenterError) as caught:
        look_up(session, "moid:vm-42", datacenter="DC0")
    assert str(caught.value) == (
        "moid:vm-42: the user may not see the folders of the VM vm-42."
        " Ask for the privilege System.Read on these folders, or use the VM's inventory path."
    )


def test_names_the_privilege_for_an_unreadable_folder() -> None:
    folder = vim.Folder("group-v3")
    properties = {"name": "web", "config": configuration(), "runtime.connectionState": "connected", "parent": folder}
    fault = vim.fault.NoPermission(
        missingPrivileges=[vim.fault.NoPermission.EntityPrivileges(entity=folder, privilegeIds=["System.View"])]
    )
    session = session_that_answers(properties, read(folder, {}, {"name": fault, "parent": fault}))
    with pytest.raises(VcenterError, match=r"the user lacks the privilege System\.View on group-v3\."):
        look_up(session, "moid:vm-42", datacenter="DC0")


def test_rejects_an_esxi_host() -> None:
    session = session_that_answers({}, about=vim.AboutInfo(apiType="HostAgent", fullName="VMware ESXi 8.0.2"))
    with pytest.raises(VcenterError, match=r"the server is VMware ESXi 8\.0\.2, but only a vCenter can instant-clone"):
        look_up(session, "/DC0/vm/web", datacenter="DC0")
