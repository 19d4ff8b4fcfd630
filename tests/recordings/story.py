# SPDX-License-Identifier: MPL-2.0
"""What is recorded, and replayed: clones of several layouts are planned, made, refreshed, planned again and imported.

Terraform is real, the plugin's Relay runs in this process, and behind it comes whatever answers in the stock
provider's place. One resource for each layout, so that Terraform is started once for all of them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instant_clone.errors import ReplicaError
from instant_clone.ownership import OWNER_KEY
from instant_clone.plugin.process.proxy import Relay
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import PROVIDER_SOURCE, machine, source_of
from testkit.generated_resources import escaped
from testkit.in_process import ProviderService, channel_to, reattached, served
from testkit.layouts.machine import made
from testkit.layouts.named import FLAGS, Layout, Vcenter
from testkit.layouts.named import LAYOUTS as NAMED
from testkit.simulator import Simulator
from tests.e2e.terraform import Terraform, clean_environment
from tests.vcsim.client import Client

__all__ = ["LAYOUTS", "Story", "clone_of", "simulator_with_sources", "sources", "tell"]

_VCENTER: Vcenter = "7.0.3"
# The stock provider fills in the version of a TPM that the configuration leaves open, by a change of the clone.
LAYOUTS: Mapping[str, Layout] = {
    "with-" + re.sub("[^a-z0-9]+", "-", name.lower()): layout
    for name, layout in NAMED.items()
    if layout.vcenter == _VCENTER
}
"""those of this vCenter, by what their resources are called"""


@dataclass(frozen=True)
class Story:
    """What became of each step; a plan is what it wants to change, by address."""

    plan: dict[str, str]
    next_plan: dict[str, str]
    imported: dict[str, str]
    """by the apply of a configuration with import blocks, on an empty state"""
    plan_of_imported: dict[str, str]
    made_state: dict[str, Any]
    """the clones' attributes by layout"""
    imported_state: dict[str, Any]


@contextmanager
def simulator_with_sources() -> Iterator[Simulator]:
    """A simulator with a source of each layout."""
    with Simulator(*FLAGS[_VCENTER], "-tools", "0s") as simulator:
        with Client(simulator) as client:
            for name, layout in LAYOUTS.items():
                made(simulator, client, layout.machine, _source_name(name), locale=layout.locale)
        yield simulator


def sources(simulator: Simulator, release: ProviderVersion) -> dict[str, SourceVm]:
    """The sources by their layouts, as far as `release` can express them."""
    found = {layout: source_of(simulator, _source_name(layout)) for layout in LAYOUTS}
    return {layout: source for layout, source in found.items() if _can_express(release, source)}


def clone_of(layout: str) -> str:
    """The name of that layout's clone."""
    return f"clone-{layout}"


def tell(stock: ProviderService, *, release: ProviderVersion, simulator: Simulator, folder: Path) -> Story:
    """Runs all steps in the empty `folder`. Raises AssertionError, with all that Terraform says, if one fails."""
    configuration = folder / "terraform.rc"
    configuration.touch()
    environment = clean_environment(folder, configuration)
    clones = _clones(simulator, release)
    first, second = Terraform(folder / "made", environment), Terraform(folder / "imported", environment)
    first.write(_document(clones))
    imports = [{"to": f"vsphere_virtual_machine.{layout}", "id": f"/DC0/vm/{clone_of(layout)}"} for layout in clones]
    second.write(_document(clones) | {"import": imports})

    def run(terraform: Terraform, command: str, *arguments: str) -> dict[str, str]:
        with _plugin(stock, release=release, simulator=simulator) as environment:
            return terraform.run(command, *arguments, **environment).require().changes

    plan = run(first, "plan", "-out=saved")
    run(first, "apply", "saved")
    return Story(
        plan=plan,
        next_plan=run(first, "plan"),
        imported=run(second, "apply"),
        plan_of_imported=run(second, "plan"),
        made_state=_states(first),
        imported_state=_states(second),
    )


@contextmanager
def _plugin(stock: ProviderService, *, release: ProviderVersion, simulator: Simulator) -> Iterator[dict[str, str]]:
    """The environment in which Terraform finds a new plugin, as it starts one for each command, before `stock`."""
    vcenter = simulator.environment({})
    with served(stock) as socket, channel_to(f"unix:{socket}") as channel:
        relay = Relay(channel, version=release, environ=vcenter, done=threading.Event())
        try:
            with served(relay) as plugin:
                yield vcenter | reattached(PROVIDER_SOURCE, plugin)
        finally:
            relay.close()


def _clones(simulator: Simulator, release: ProviderVersion) -> dict[str, Any]:
    with Client(simulator) as client:
        place = {
            "resource_pool_id": client.find("host/DC0_C0").resourcePool._moId,
            "datastore_id": client.find("datastore/LocalDS_0")._moId,
        }
    return {
        layout: {
            **_repeated(source, release, clone_of(layout)),
            **place,
            "extra_config": {
                "guestinfo.ic.hostname": clone_of(layout),
                OWNER_KEY: f"recorded/recordings/{clone_of(layout)}/{source.uuid}/1",
            },
        }
        for layout, source in sources(simulator, release).items()
    }


def _repeated(source: SourceVm, release: ProviderVersion, name: str) -> Any:
    replica = replicate(source, release)
    body = machine(source, release, name=name) | ({"vtpm": [{}]} if replica.vtpm else {})
    # A VM's texts may hold what Terraform takes for a template.
    return escaped(body)


def _document(clones: dict[str, Any]) -> dict[str, Any]:
    return {
        "terraform": {"required_providers": {"vsphere": {"source": PROVIDER_SOURCE}}},
        "provider": {"vsphere": {}},
        "resource": {"vsphere_virtual_machine": clones},
    }


def _states(terraform: Terraform) -> dict[str, Any]:
    return {layout: instance["attributes"] for layout, instance in terraform.instances().items()}


def _source_name(layout: str) -> str:
    return f"golden-{layout}"


def _can_express(release: ProviderVersion, source: SourceVm) -> bool:
    try:
        replicate(source, release)
    except ReplicaError:
        return False
    return True
