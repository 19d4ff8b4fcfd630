# SPDX-License-Identifier: MPL-2.0
"""Run the plugin between the fakes of vCenter and the stock provider, and build configurations for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.releases import ProviderVersion
from testkit import wire
from testkit.clock import Clock
from testkit.in_process import channel_to, served
from testkit.standins import recorded
from testkit.standins.stock import Stock
from testkit.standins.vcenter import Vcenter
from testkit.standins.world import SOURCE_UUID, Vm, World
from testkit.wire import BLOCK, Plugin, running_plugin

__all__ = ["NO_BLOCK", "OWNER", "Bench", "clone_config", "marker", "running_bench"]

OWNER = "5f3759df-0000-4000-8000-000000000001"
"""owner id of the state"""
NO_BLOCK: dict[str, Any] = {BLOCK: []}
"""arguments of a VM that is not an instant clone"""
_ENVIRONMENT = {"VSPHERE_SERVER": "vcenter", "VSPHERE_USER": "fleet", "VSPHERE_PASSWORD": "-"}


@dataclass(frozen=True)
class Bench:
    """A plugin, the fakes behind it, and the fake clock that the plugin uses when it waits."""

    world: World
    vcenter: Vcenter
    stock: Stock
    plugin: Plugin
    clock: Clock

    def made(self, name: str = "web-0", **arguments: Any) -> dict[str, Any]:
        """Create a clone, delete its calls from `calls`, and return its state."""
        answer = self.plugin.make(clone_config(name, **arguments))
        assert answer.said == [], answer.details
        self.calls.clear()
        return dict(answer.state)

    def left_behind(self, name: str = "web-0", mark: str | None = "", **values: Any) -> Vm:
        """Return a clone that is in no state.

        `mark` has the same meaning as for clone_config. `values` replace attributes of golden, the source.
        """
        options = {OWNER_KEY: mark or marker(name)} if mark is not None else {}
        return self.world.clone(name, {**options, **values.pop("extra_config", {})}, **values)

    def known(self, vm: Vm) -> dict[str, Any]:
        """Return the state of a VM after the upgrade and refresh that Terraform requests at the start of an apply."""
        stored = {"name": vm.name, "uuid": vm.uuid, BLOCK: clone_config()[BLOCK]}
        self.plugin.upgrade(json.dumps(stored).encode())
        return dict(self.plugin.read(self.plugin.import_vm(vm.path).state).state)

    @property
    def calls(self) -> list[str]:
        """Return the recorded calls that change a VM."""
        return self.world.calls


def marker(name: str, *, owner: str = OWNER, fleet: str = "web", source: str = SOURCE_UUID, generation: int = 1) -> str:
    """Return the owner marker of a clone."""
    return f"{owner}/{fleet}/{name}/{source}/{generation}"


def clone_config(name: str = "web-0", mark: str | None = "", **arguments: Any) -> dict[str, Any]:
    """Return the configuration of a clone of golden.

    Args:
        name: name of the clone.
        mark: owner marker. The default is the marker of the owner id OWNER; None omits the marker.
        arguments: replace arguments of the resource. `source_uuid`, `timeout` and `on_reboot` are arguments of the
            block instantclone.
    """
    config = recorded.configuration()
    disk, interface = config["disk"][0], config["network_interface"][0]
    block = {key: arguments.pop(key, default) for key, default in _BLOCK.items()}
    return {
        **config,
        "name": name,
        "cpu_hot_add_enabled": True,
        "memory_hot_add_enabled": True,
        "resource_pool_id": "resgroup-1",
        "datastore_id": "datastore-1",
        "extra_config": {OWNER_KEY: mark or marker(name)} if mark is not None else None,
        "disk": [
            {**disk, "label": "disk0", "unit_number": 0, "size": 16},
            {**disk, "label": "disk1", "unit_number": 1, "size": 8},
        ],
        "network_interface": [{**interface, "network_id": "network-1"}],
        BLOCK: [block],
        **arguments,
    }


_BLOCK: dict[str, Any] = {"source_uuid": SOURCE_UUID, "timeout": None, "on_reboot": None}


@contextmanager
def running_bench(
    patches: pytest.MonkeyPatch, *, release: ProviderVersion = recorded.RELEASE, **environ: str
) -> Iterator[Bench]:
    """Run a plugin between the fakes until the end of the block, and yield the bench.

    The clock of the bench advances only while the plugin waits.
    """
    world, clock = World(), Clock()
    vcenter, stock = Vcenter(world), Stock(world, release)
    patches.setattr(wire.sessions, "open_session", vcenter.connect)
    patches.setattr(wire.sessions, "require_instant_clone", lambda session: session.require_instant_clone())
    patches.setattr(wire.cloning, "Cloner", lambda session, **_: session)
    for module in wire.WAITING:
        patches.setattr(module, "time", clock)
    # This wait uses a lock with a timeout, so the fake clock does not shorten it.
    patches.setattr(*wire.PATIENCE, 0)
    with ExitStack() as running:
        socket = running.enter_context(served(stock))
        channel = running.enter_context(channel_to(f"unix:{socket}"))
        plugin = running.enter_context(running_plugin(channel, release=release, environ=_ENVIRONMENT | environ))
        yield Bench(world, vcenter, stock, plugin, clock)
