# SPDX-License-Identifier: MPL-2.0
"""Tests of the named layouts in the simulator: the releases that support a layout, and findings for other releases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import get_args

import pytest

from instant_clone.stock_provider.releases import RELEASES, ProviderVersion, releases_where
from testkit.layouts.comparing import differences_of
from testkit.layouts.generated import generated
from testkit.layouts.machine import Machine, made
from testkit.layouts.named import FLAGS, LAYOUTS, Vcenter
from testkit.layouts.site import Site, build
from tests.conftest import StartSimulator
from tests.vcsim.client import Client, clone

pytestmark = pytest.mark.simulator

MAIN: Vcenter = "7.0.3"
NUMBERS = {f"source-{number}": layout for number, layout in enumerate(LAYOUTS)}
REFUSALS: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_suffix(".json").read_text())
"""expected findings by release and layout, without the VM's path"""


@pytest.fixture(scope="module")
def sites(start_simulator: StartSimulator) -> Iterator[Callable[[Vcenter], Site]]:
    """Return the simulator of a vCenter with all sources that need this vCenter."""
    with ExitStack() as clients:

        @lru_cache
        def site(vcenter: Vcenter) -> Site:
            simulator = start_simulator("-vm", 0, *FLAGS[vcenter])
            client = clients.enter_context(Client(simulator))
            layouts = ((vm, LAYOUTS[name]) for vm, name in NUMBERS.items())
            chosen = [(vm, each.machine, each.locale) for vm, each in layouts if each.vcenter == vcenter]
            return build(simulator, client, chosen)

        yield site


@pytest.fixture(scope="module")
def refusals(sites: Callable[[Vcenter], Site]) -> dict[ProviderVersion, dict[str, list[str]]]:
    """Return the layouts that each release refuses, with the findings."""
    every = [sites(vcenter) for vcenter in get_args(Vcenter)]
    return {
        release: {
            NUMBERS[vm]: [str(finding).removeprefix(f"/DC0/vm/{vm}").lstrip(",: ") for finding in refused.findings]
            for site in every
            for vm, refused in site.refused(release).items()
        }
        for release in RELEASES
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_release_supports_the_layouts(layout: str, refusals: dict[ProviderVersion, dict[str, list[str]]]) -> None:
    assert releases_where(lambda release: layout not in refusals[release]) == LAYOUTS[layout].releases


@pytest.mark.parametrize("release", REFUSALS)
def test_release_reports_findings_of_unsupported_layouts(
    release: str, refusals: dict[ProviderVersion, dict[str, list[str]]]
) -> None:
    assert refusals[ProviderVersion(release)] == REFUSALS[release]


def test_generated_source_is_replicated_or_refused_with_a_cure(
    start_simulator: StartSimulator,
) -> None:
    simulator = start_simulator("-vm", 0, *FLAGS[MAIN])
    machines = [(f"generated-{number}", each, "") for number, each in enumerate(generated(50, number=7))]
    with Client(simulator) as client:
        site = build(simulator, client, machines)

    for release in (RELEASES[0], RELEASES[-1]):
        refused = site.refused(release)
        assert 0 < len(refused) < len(machines) / 2
        assert all(finding.where and finding.cure for error in refused.values() for finding in error.findings)


def test_clone_of_vcenter_has_the_hardware_of_its_source(sites: Callable[[Vcenter], Site]) -> None:
    site = sites(MAIN)
    vm = site.client.vm("source-0")

    assert differences_of(vm, clone(vm, "twin", config={"guestinfo.a": "b"}), added=("guestinfo.a",)) == []


@pytest.mark.parametrize(
    ("path", "value", "difference"),
    [
        ("config.memoryAllocation.reservation", "7", "memoryAllocation.reservation: 0 → 7"),
        ("config.tools.afterResume", "unset", "tools.afterResume: True → None"),
        ("disk.0.backing.writeThrough", "true", "hardware.device[10].backing.writeThrough: False → True"),
        ("nic.0.resourceAllocation.limit", "5", "hardware.device[11].resourceAllocation.limit: -1 → 5"),
        ("nic.0.wakeOnLanEnabled", "false", "hardware.device[11].wakeOnLanEnabled: True → False"),
    ],
)
def test_reports_a_clone_with_a_different_setting(
    path: str, value: str, difference: str, start_simulator: StartSimulator
) -> None:
    simulator = start_simulator("-vm", 0)
    with Client(simulator) as client:
        vm = made(simulator, client, Machine(), "original")
        simulator.clone_differs(path, value)

        assert differences_of(vm, clone(vm, "other")) == [difference]


def test_reports_unexpected_extra_config_of_a_clone(sites: Callable[[Vcenter], Site]) -> None:
    vm = sites(MAIN).client.vm("source-1")

    assert differences_of(vm, clone(vm, "configured", config={"guestinfo.a": "b"})) == [
        "extraConfig[guestinfo.a]: None → 'b'"
    ]
