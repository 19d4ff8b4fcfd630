# SPDX-License-Identifier: MPL-2.0
"""What was imported as a clone and is none, or is another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from instant_clone.owner import OWNER_KEY, Owner
from instant_clone.provider.messages import Diagnostic
from instant_clone.provider.telling import STATE_RM
from instant_clone.provider.values import InstantCloneBlock, error, is_unknown, warning

if TYPE_CHECKING:
    from instant_clone.vcenter.clone_source import CloneSource

__all__ = ["imported_by_mistake"]


def imported_by_mistake(
    machine: CloneSource, config: Mapping[str, Any], block: InstantCloneBlock, *, uuid: str
) -> list[Diagnostic]:
    """Return an error for a VM that belongs to another address, and a warning for one without a marker.

    A source that is replaced as a clone would be destroyed. `config` and `block` are the configuration of the address,
    `uuid` is the BIOS UUID of the VM.
    """
    expected = Owner.among(config.get("extra_config"))
    owner = Owner.among(machine.extra_config)
    if uuid.lower() == block.source_uuid:
        what = "is the source of this clone"
    elif expected and owner and not expected.is_of_the_same_member(owner):
        what = f"is the clone {owner.member} of the fleet {owner.fleet} (state {owner.state})"
    elif owner and expected is None and not _may_have_marker(config):
        what = f"is the clone {owner.member} of the fleet {owner.fleet} (state {owner.state}), as its marker says"
    elif owner is None:
        return [_without_marker(machine.inventory_path, uuid)]
    else:
        return []
    return [
        error(
            "Another virtual machine was imported",
            f"{machine.inventory_path} (UUID {uuid}) {what}, and not {config.get('name')}. Take it out of the state, "
            f"which leaves it as it is: {STATE_RM}.",
        )
    ]


def _without_marker(path: str, uuid: str) -> Diagnostic:
    return warning(
        "Imported without a marker",
        f"{path} (UUID {uuid}): it carries no owner marker, so nothing proves that it is a clone of this source. Make "
        "sure that it is the virtual machine that you mean before you apply.",
    )


def _may_have_marker(config: Mapping[str, Any]) -> bool:
    """Whether the marker in a configuration is one that Terraform does not know yet."""
    extra_config = config.get("extra_config")
    return is_unknown(extra_config) or (isinstance(extra_config, Mapping) and is_unknown(extra_config.get(OWNER_KEY)))
