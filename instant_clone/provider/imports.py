# SPDX-License-Identifier: MPL-2.0
"""What was imported as a clone and is none, or is another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from instant_clone.owner import OWNER_KEY, Owner
from instant_clone.provider.messages import Diagnostic
from instant_clone.provider.telling import WHICH_ADDRESS
from instant_clone.provider.values import InstantCloneBlock, error, is_unknown

if TYPE_CHECKING:
    from instant_clone.vcenter.clone_source import CloneSource

__all__ = ["mistaken"]


def mistaken(
    machine: CloneSource, config: Mapping[str, Any], block: InstantCloneBlock, *, uuid: str
) -> list[Diagnostic]:
    """The error for a VM that was imported at an address which is not its own; [] if it may be.

    Nothing is as dear as a source: made anew as a clone, it would be destroyed. `config` and `block` are what stands
    at the address, `uuid` is the VM's.
    """
    ours = Owner.among(config.get("extra_config"))
    theirs = Owner.among(machine.extra_config)
    if uuid.lower() == block.source_uuid:
        what = "is the source of this clone"
    elif ours and theirs and not ours.is_of_the_same_member(theirs):
        what = f"is the clone {theirs.member} of the fleet {theirs.fleet} (state {theirs.state})"
    elif theirs and ours is None and not _may_have_marker(config):
        what = f"is the clone {theirs.member} of the fleet {theirs.fleet} (state {theirs.state}), as its marker says"
    else:
        return []
    return [
        error(
            "Another virtual machine was imported",
            f"{machine.inventory_path} (UUID {uuid}) {what}, and not {config.get('name')}. Take it out of the state, "
            f"which leaves it as it is: terraform state rm ADDRESS, {WHICH_ADDRESS}.",
        )
    ]


def _may_have_marker(config: Mapping[str, Any]) -> bool:
    """Whether the marker in a configuration is one that Terraform does not know yet."""
    extra_config = config.get("extra_config")
    return is_unknown(extra_config) or (isinstance(extra_config, Mapping) and is_unknown(extra_config.get(OWNER_KEY)))
