# SPDX-License-Identifier: MPL-2.0
"""Whether what is wished for, Terraform's state and vCenter agree about a fleet's clones."""

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


def members(wishes: Mapping[str, Wish]) -> list[tuple[str, str]]:
    """All that is wished for: the source's key, and the clone's name."""
    return [(key, name) for key, wish in sorted(wishes.items()) for name in sorted(wish.members)]


def disagreements(
    wishes: Mapping[str, Wish], terraform: Terraform, client: Client, *, others: Collection[str], annotation: str
) -> dict[str, str]:
    """Where wishes, state and vCenter differ: what about it, by address, or by name for what has no address.

    `others` are the names of VMs that are no clones; `annotation` is the one that all clones should have.
    """
    found, addressed, owner = _in_vcenter(client, others), in_state(terraform), _owner(terraform)
    said: dict[str, str] = {}
    for key, name in members(wishes):
        at, clone = address(key, name), found.get(name)
        wanted = Owner(owner, FLEET, name, wishes[key].source.uuid, wishes[key].generation)
        if (what := _difference(addressed.get(at), clone, wanted, annotation)) is not None:
            said[at] = what
        if clone is not None and not clone.pinned:
            said[pin_address(key, name)] = "not pinned"
    wished = {at(key, name) for key, name in members(wishes) for at in (address, pin_address)}
    addressed |= in_state(terraform, PIN)
    said |= {at: "still in the state" for at in addressed if at not in wished}
    known = {name for _, name in members(wishes)} | {at.split('"')[1] for at in addressed}
    return said | {name: "nobody's" for name in found if name not in known}


def in_state(terraform: Terraform, kind: str = VIRTUAL_MACHINE) -> dict[str, dict[str, Any]]:
    """The instances in the state that are not deposed, by address."""
    return {
        f'{kind}.{resource["name"]}["{instance["index_key"]}"]': instance
        for resource in _resources(terraform)
        if (resource["mode"], resource["type"]) == ("managed", kind)
        for instance in resource["instances"]
        if "deposed" not in instance
    }


def _difference(instance: Mapping[str, Any] | None, clone: _Found | None, wanted: Owner, annotation: str) -> str | None:
    if instance is None:
        return "not in the state"
    if clone is None:
        return "not in vCenter"
    if instance.get("status") == "tainted":
        return "tainted"
    if instance["attributes"]["uuid"] != clone.uuid:
        return "another VM"
    if clone.owner != wanted:
        return f"made for {clone.owner}"
    if not clone.running:
        return "powered off"
    if clone.annotation != annotation:
        return "annotated by hand"
    return None


def _resources(terraform: Terraform) -> list[dict[str, Any]]:
    if not (terraform.folder / "terraform.tfstate").exists():
        return []
    found: list[dict[str, Any]] = json.loads(terraform.state_text)["resources"]
    return found


def _owner(terraform: Terraform) -> str:
    """The id of the fleet's terraform_data, which each clone's marker names."""
    ids = [
        instance["attributes"]["id"]
        for resource in _resources(terraform)
        if resource["type"] == "terraform_data"
        for instance in resource["instances"]
    ]
    return ids[0] if ids else ""


def _in_vcenter(client: Client, others: Collection[str]) -> dict[str, _Found]:
    """All VMs but the others, by name."""
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
