# SPDX-License-Identifier: MPL-2.0
"""The steps of a recording and of its replay: plan, create, refresh, plan again and import clones of several layouts.

The story runs real Terraform, and the plugin's Relay in this process. The Relay sends its requests to the stock
provider or to a replacement. Each layout is one resource, so that one run of Terraform covers all layouts.
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
# If the configuration lacks the version of a TPM, the stock provider changes the clone to set the version.
LAYOUTS: Mapping[str, Layout] = {
    "with-" + re.sub("[^a-z0-9]+", "-", name.lower()): layout
    for name, layout in NAMED.items()
    if layout.vcenter == _VCENTER
}
"""the layouts of this vCenter release, by the names of their resources"""


@dataclass(frozen=True)
class Story:
    """The result of each step. A plan is a map from resource addresses to planned actions."""

    plan: dict[str, str]
    next_plan: dict[str, str]
    imported: dict[str, str]
    """The actions of an apply with import blocks and an empty state."""
    plan_of_imported: dict[str, str]
    made_state: dict[str, Any]
    """The clones' attributes by layout."""
    imported_state: dict[str, Any]


@contextmanager
def simulator_with_sources() -> Iterator[Simulator]:
    """Yield a simulator with one source of each layout."""
    with Simulator(*FLAGS[_VCENTER], "-tools", "0s") as simulator:
        with Client(simulator) as client:
            for name, layout in LAYOUTS.items():
                made(simulator, client, layout.machine, _source_name(name), locale=layout.locale)
        yield simulator


def sources(simulator: Simulator, release: ProviderVersion) -> dict[str, SourceVm]:
    """Return the sources by layout, for all layouts that vCenter clones and `release` can express."""
    names = [name for name, layout in LAYOUTS.items() if layout.machine.can_be_cloned]
    found = {layout: source_of(simulator, _source_name(layout)) for layout in names}
    return {layout: source for layout, source in found.items() if _can_express(release, source)}


def clone_of(layout: str) -> str:
    """Return the name of the layout's clone."""
    return f"clone-{layout}"


def tell(stock: ProviderService, *, release: ProviderVersion, simulator: Simulator, folder: Path) -> Story:
    """Run all steps in the empty `folder`, and return their results.

    Raises:
        AssertionError: a step fails; the message has Terraform's output.
    """
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
    """Yield the environment for a new plugin in front of `stock`. Terraform starts a new plugin for each command."""
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
            **_clone_arguments(source, release, clone_of(layout)),
            **place,
            "extra_config": {
                "guestinfo.ic.hostname": clone_of(layout),
                OWNER_KEY: f"recorded/recordings/{clone_of(layout)}/{source.uuid}/1",
            },
        }
        for layout, source in sources(simulator, release).items()
    }


def _clone_arguments(source: SourceVm, release: ProviderVersion, name: str) -> Any:
    replica = replicate(source, release)
    body = machine(source, release, name=name) | ({"vtpm": [{}]} if replica.vtpm else {})
    # A VM's strings can contain template syntax of Terraform.
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
