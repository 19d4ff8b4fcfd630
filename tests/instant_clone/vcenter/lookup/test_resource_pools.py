# SPDX-License-Identifier: MPL-2.0
"""Tests of the check of resource pools, in a simulator with a vApp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from instant_clone.errors import VcenterError
from instant_clone.sources import look_up_sources
from instant_clone.vcenter.lookup.resource_pools import PoolPath, pool_findings
from instant_clone.vcenter.session.connection import Session, connect
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.instant_clone.vcenter.test_sources import fleet, fleets
from tests.vcsim.client import Client, make_vapp, pool_spec

pytestmark = pytest.mark.simulator

APP = "DC0_C0/Resources/app"


@pytest.fixture(scope="module")
def simulator(start_simulator: StartSimulator) -> Simulator:
    """Start a simulator with the vApp "app" in the root resource pool of the cluster, and the pool "inner" in it."""
    started = start_simulator("-source", "web", "-pool", 1)
    with Client(started) as client:
        make_vapp(client, "app").CreateResourcePool("inner", pool_spec())
    return started


@pytest.fixture
def session(simulator: Simulator) -> Iterator[Session]:
    with connect(settings_of(simulator)) as opened:
        yield opened


def messages(session: Session, *paths: str, datacenter: str = "DC0") -> list[str]:
    return [str(each) for each in pool_findings(session, [PoolPath("here", datacenter, path) for path in paths])]


@pytest.mark.parametrize("datacenter", ["DC0", "/DC0"])
def test_reports_a_vapp(simulator: Simulator, session: Session, datacenter: str) -> None:
    assert messages(session, APP, datacenter=datacenter) == [
        f"here: /DC0/host/{APP} of vCenter {simulator.address} is a vApp, and the stock provider finds only resource "
        "pools. Use the resource pool that contains the vApp."
    ]


def test_reports_a_pool_in_a_vapp(simulator: Simulator, session: Session) -> None:
    assert messages(session, f"{APP}/inner") == [
        f"here: /DC0/host/{APP}/inner of vCenter {simulator.address} is in the vApp /DC0/host/{APP}, where the stock "
        "provider does not find a clone. Use the resource pool that contains the vApp."
    ]


@pytest.mark.parametrize(
    "path",
    [
        "DC0_C0/Resources",
        "DC0_C0/Resources/DC0_C0_RP1",
        "DC0_C0/Resources/gone",
        f"{APP}/gone",
        "app",
        "gone/Resources/",
    ],
)
def test_accepts_pools_and_paths_without_an_object(session: Session, path: str) -> None:
    assert messages(session, path) == []


def test_path_costs_one_request(simulator: Simulator, session: Session) -> None:
    simulator.requests(reset=True)
    assert len(messages(session, APP, "DC0_C0/Resources", APP)) == 2
    assert simulator.requests() == {"FindByInventoryPath": 2}


def test_path_of_an_inner_pool_costs_one_request_for_each_pool(simulator: Simulator, session: Session) -> None:
    simulator.requests(reset=True)
    assert len(messages(session, f"{APP}/inner", APP)) == 2
    assert simulator.requests() == {"FindByInventoryPath": 2}


def test_look_up_reports_the_vapp(simulator: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "web") | {"resource_pool": APP})
    with pytest.raises(VcenterError) as caught:
        look_up_sources(file, environ=simulator.environment({}), folder=tmp_path)
    assert [each.where for each in caught.value.findings] == ["[fleets.one] resource_pool"]


def test_look_up_continues_if_vcenter_refuses_the_pool_check(simulator: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "web") | {"resource_pool": APP})
    simulator.fault("FindByInventoryPath", "NoPermission", at="call")
    assert look_up_sources(file, environ=simulator.environment({}), folder=tmp_path)["one", "s0"].name == "web"
