# SPDX-License-Identifier: MPL-2.0
"""Terraform configurations of fleets without a synth. They equal the configurations of the project's stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instant_clone.ownership import OWNER_KEY
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import document, machine

__all__ = ["FLEET", "PIN", "VIRTUAL_MACHINE", "Wish", "address", "fleet_document", "pin_address"]

FLEET = "web"
VIRTUAL_MACHINE = "vsphere_virtual_machine"
PIN = "vsphere_drs_vm_override"


@dataclass(frozen=True)
class Wish:
    """The requested clones of one source."""

    source: SourceVm
    members: frozenset[str] = frozenset()
    generation: int = 1


def address(key: str, member: str) -> str:
    """Return the resource address of a clone."""
    return f'{VIRTUAL_MACHINE}.{key}["{member}"]'


def pin_address(key: str, member: str) -> str:
    """Return the resource address of the DRS override that pins a clone."""
    return f'{PIN}.{key}["{member}"]'


def fleet_document(
    release: ProviderVersion,
    wishes: Mapping[str, Wish],
    *,
    fleet: str = FLEET,
    pinned: bool = False,
    **arguments: Any,
) -> dict[str, Any]:
    """Return the configuration of a fleet as the project's stacks generate it.

    Args:
        release: release of the stock provider.
        wishes: the requested clones, by the key of their source.
        fleet: name of the fleet in the owner markers.
        pinned: whether each clone has a DRS override.
        arguments: replace arguments of all clones.
    """
    machines = {}
    pins = {}
    for key, wish in wishes.items():
        mark = f"${{terraform_data.owner.id}}/{fleet}/${{each.key}}/{wish.source.uuid}/{wish.generation}"
        names = ", ".join(f'"{name}"' for name in sorted(wish.members))
        trigger = {"replace_trigger": str(wish.generation)} if wish.generation > 1 else {}
        body = machine(wish.source, release, name="${each.key}", extra_config={OWNER_KEY: mark}, **trigger, **arguments)
        machines[key] = {"for_each": f"${{toset([{names}])}}", **body}
        pins[key] = {
            "for_each": f"${{toset([{names}])}}",
            "compute_cluster_id": "${data.vsphere_compute_cluster.cluster.id}",
            "virtual_machine_id": f"${{{VIRTUAL_MACHINE}.{key}[each.key].id}}",
            "drs_enabled": False,
        }
    whole = document(release, machines)
    whole.setdefault("resource", {})["terraform_data"] = {"owner": {}}
    if pinned:
        datacenter = "${data.vsphere_datacenter.datacenter.id}"
        whole["data"]["vsphere_compute_cluster"] = {"cluster": {"name": "DC0_C0", "datacenter_id": datacenter}}
        whole["resource"][PIN] = pins
    return whole
