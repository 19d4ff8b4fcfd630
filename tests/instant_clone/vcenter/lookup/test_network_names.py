# SPDX-License-Identifier: MPL-2.0
"""Tests of the check of network names, in a simulator with networks of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyVmomi import vim

from instant_clone.errors import VcenterError
from instant_clone.sources import look_up_sources
from instant_clone.vcenter.lookup.network_names import NetworkName, network_findings
from instant_clone.vcenter.session.connection import Session, connect
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.instant_clone.vcenter.test_sources import fleet, fleets
from tests.vcsim.client import Client, result

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def simulator(start_simulator: StartSimulator) -> Simulator:
    """Start a simulator with port groups of the same name in two folders, and one with a slash in its name."""
    started = start_simulator("-source", "web")
    with Client(started) as client:
        folder = client.find("network").CreateFolder("lab")
        spec = vim.DistributedVirtualSwitch.CreateSpec(
            configSpec=vim.dvs.VmwareDistributedVirtualSwitch.ConfigSpec(name="labs")
        )
        switch = result(folder.CreateDVS_Task(spec))
        groups = [
            vim.dvs.DistributedVirtualPortgroup.ConfigSpec(name=name, type="earlyBinding", numPorts=8)
            for name in ("DC0_DVPG0", "DHCP_10.1.1.0%2f24")
        ]
        result(switch.AddDVPortgroup_Task(groups))
    return started


@pytest.fixture
def session(simulator: Simulator) -> Iterator[Session]:
    with connect(settings_of(simulator)) as opened:
        yield opened


def moid(simulator: Simulator, path: str) -> str:
    with Client(simulator) as client:
        return str(client.find(path)._moId)


def messages(session: Session, *names: str) -> list[str]:
    return [str(each) for each in network_findings(session, [NetworkName("here", "DC0", name) for name in names])]


def test_lists_all_networks_with_the_same_name(simulator: Simulator, session: Session) -> None:
    first, second = moid(simulator, "network/DC0_DVPG0"), moid(simulator, "network/lab/DC0_DVPG0")
    assert messages(session, "DC0_DVPG0") == [
        f"here: /DC0 of vCenter {simulator.address} has 2 networks with the name DC0_DVPG0: /DC0/network/DC0_DVPG0 "
        f"(moid:{first}), /DC0/network/lab/DC0_DVPG0 (moid:{second}). Use one of these paths, or moid: and the managed "
        "object id of one of them."
    ]


@pytest.mark.parametrize(
    "name",
    [
        "VM Network",
        "/DC0/network/DC0_DVPG0",
        "/DC0/network/lab/DC0_DVPG0",
        "lab/DC0_DVPG0",
        "DHCP_10.1.1.0%2f24",
        "DHCP_10.1.1.0%2F24",
        "lab/DHCP_10.1.1.0%2f24",
        "no such network",
        "no/such/network",
    ],
)
def test_other_names_and_paths_have_no_finding(session: Session, name: str) -> None:
    assert messages(session, name) == []


def test_ignores_a_network_of_another_datacenter(session: Session) -> None:
    assert network_findings(session, [NetworkName("here", "DC1", "DC0_DVPG0")]) == []


def test_reports_an_unescaped_slash_in_a_name_with_a_cure(simulator: Simulator, session: Session) -> None:
    assert messages(session, "DHCP_10.1.1.0/24") == [
        f"here: vCenter {simulator.address} has no network with the path /DC0/network/DHCP_10.1.1.0/24, but a network "
        "with the name DHCP_10.1.1.0/24. Write the slash as %2f: 'DHCP_10.1.1.0%2f24'."
    ]


def test_fleets_without_networks_cost_no_request(simulator: Simulator, session: Session) -> None:
    simulator.requests(reset=True)
    assert network_findings(session, []) == []
    assert simulator.requests() == {}


def test_names_cost_two_requests(simulator: Simulator, session: Session) -> None:
    simulator.requests(reset=True)
    messages(session, "VM Network", "DC0_DVPG0")
    assert simulator.requests() == {"CreateContainerView": 1, "RetrievePropertiesEx": 1}


def test_look_up_reports_findings_of_networks_and_sources_together(simulator: Simulator, tmp_path: Path) -> None:
    file = fleets(
        fleet("one", "web")
        | {
            "networks": [{"network": "VM Network"}, {"network": "DC0_DVPG0"}, {"network": "moid:network-7"}],
            "changes": {"networks": [{"network": "DHCP_10.1.1.0/24"}]},
        },
        fleet("two", "nothing"),
    )
    with pytest.raises(VcenterError) as caught:
        look_up_sources(file, environ=simulator.environment({}), folder=tmp_path)
    assert [each.where for each in caught.value.findings] == [
        "[[fleets.one.networks]] number 2, network",
        "[[fleets.one.changes.networks]] number 1, network",
        "fleet two, source s0, nothing",
    ]


def test_look_up_continues_if_vcenter_refuses_the_network_check(simulator: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "/DC0/vm/web") | {"networks": [{"network": "DC0_DVPG0"}]})
    simulator.fault("CreateContainerView", "NoPermission", at="call")
    assert look_up_sources(file, environ=simulator.environment({}), folder=tmp_path)["one", "s0"].name == "web"
