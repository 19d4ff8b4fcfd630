# SPDX-License-Identifier: MPL-2.0
"""Compare the desired clones of a fleet, Terraform's state and vCenter."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from instant_clone.ownership import OWNER_KEY, Owner
from testkit.fleets import FLEET, PIN, VIRTUAL_MACHINE, Wish, address, pin_address
from tests.e2e.terraform import Terraform
from tests.vcsim.client import Client

__all__ = ["disagreements", "in_state", "members"]


@dataclass(frozen=True)
class _Found:
    """A clone in vCenter."""

    uuid: str
    running: bool
    annotation: str
    pinned: bool
    owner: Owner | None


def members(desired: Mapping[str, Wish]) -> list[tuple[str, str]]:
    """Return the key of the source and the name of each desired clone."""
    return [(key, name) for key, clones in sorted(desired.items()) for name in sorted(clones.members)]


def disagreements(
    desired: Mapping[str, Wish], terraform: Terraform, client: Client, *, others: Collection[str], annotation: str
) -> dict[str, str]:
    """Return the differences between the desired clones, the state and vCenter.

    Args:
        desired: the desired clones, by the key of their source.
        terraform: the folder with the state.
        client: a client of the vCenter.
        others: names of VMs that are not clones.
        annotation: annotation that all clones must have.

    Returns:
        The difference by resource address, or by VM name if the VM has no address.
    """
    found, instances, owner = _in_vcenter(client, others), in_state(terraform), _owner(terraform)
    differences: dict[str, str] = {}
    for key, name in members(desired):
        at, clone = address(key, name), found.get(name)
        expected = Owner(owner, FLEET, name, desired[key].source.uuid, desired[key].generation)
        if (what := _difference(instances.get(at), clone, expected, annotation)) is not None:
            differences[at] = what
        if clone is not None and not clone.pinned:
            differences[pin_address(key, name)] = "not pinned"
    expected_addresses = {at(key, name) for key, name in members(desired) for at in (address, pin_address)}
    instances |= in_state(terraform, PIN)
    differences |= {at: "still in the state" for at in instances if at not in expected_addresses}
    known = {name for _, name in members(desired)} | {at.split('"')[1] for at in instances}
    return differences | {name: "neither desired nor in the state" for name in found if name not in known}


def in_state(terraform: Terraform, kind: str = VIRTUAL_MACHINE) -> dict[str, dict[str, Any]]:
    """Return the resource instances in the state by address, without deposed objects."""
    return {
        f'{kind}.{resource["name"]}["{instance["index_key"]}"]': instance
        for resource in _resources(terraform)
        if (resource["mode"], resource["type"]) == ("managed", kind)
        for instance in resource["instances"]
        if "deposed" not in instance
    }


def _difference(
    instance: Mapping[str, Any] | None, clone: _Found | None, expected: Owner, annotation: str
) -> str | None:
    if instance is None:
        return "not in the state"
    if clone is None:
        return "not in vCenter"
    if instance.get("status") == "tainted":
        return "tainted"
    if instance["attributes"]["uuid"] != clone.uuid:
        return "another VM"
    if clone.owner != expected:
        return f"owner is {clone.owner}"
    if not clone.running:
        return "powered off"
    if clone.annotation != annotation:
        return "other annotation"
    return None


def _resources(terraform: Terraform) -> list[dict[str, Any]]:
    if not (terraform.folder / "terraform.tfstate").exists():
        return []
    found: list[dict[str, Any]] = json.loads(terraform.state_text)["resources"]
    return found


def _owner(terraform: Terraform) -> str:
    """Return the id of the fleet's terraform_data, which is the owner id in the marker of each clone."""
    ids = [
        instance["attributes"]["id"]
        for resource in _resources(terraform)
        if resource["type"] == "terraform_data"
        for instance in resource["instances"]
    ]
    return ids[0] if ids else ""


def _in_vcenter(client: Client, others: Collection[str]) -> dict[str, _Found]:
    """Return all VMs except `others`, by name."""
    found = {}
    pinned = {override.key._moId for override in client.find("host/DC0_C0").configurationEx.drsVmConfig}
    for vm in client.find("vm").childEntity:
        if vm.name in others:
            continue
        options = {option.key: option.value for option in vm.config.extraConfig}
        found[vm.name] = _Found(
            uuid=vm.config.uuid,
            running=vm.runtime.powerState == "poweredOn",
            annotation=vm.config.annotation or "",
            pinned=vm._moId in pinned,
            owner=Owner.parse(options.get(OWNER_KEY)),
        )
    return found
