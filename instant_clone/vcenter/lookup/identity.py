# SPDX-License-Identifier: MPL-2.0
"""Look-up of all virtual machines with a BIOS UUID.

A BIOS UUID does not identify one virtual machine. Replicas, restored copies and test failovers have the UUID of their
original (stock provider issue 2340), and SearchIndex.FindByUuid returns any one of these machines. A managed object id
identifies one virtual machine of a vCenter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyVmomi import vim

from instant_clone.ownership import OWNER_KEY
from instant_clone.vcenter.lookup.inventory import placed_vms, property_of_vms
from instant_clone.vcenter.session.connection import Session

__all__ = ["IdentifiedVm", "moids_by_uuid", "vms_with_uuid"]

_PROPERTIES = ("config.extraConfig", "config.template", "runtime.powerState")


@dataclass(frozen=True)
class IdentifiedVm:
    """A virtual machine or template, with the properties that distinguish machines with the same BIOS UUID."""

    moid: str
    """managed object id"""
    path: str
    """inventory path, or the managed object id if the user cannot read the parents of the VM"""
    power_state: str
    """value of vim.VirtualMachine.PowerState, or "" if it cannot be read"""
    template: bool
    marker: str | None
    """the owner marker in the VM's extra_config; see instant_clone.ownership"""

    def __str__(self) -> str:
        kind = "template" if self.template else self.power_state or "power state unknown"
        return f"{self.path} ({self.moid}, {kind}, {f'marker {self.marker}' if self.marker else 'no marker'})"


def vms_with_uuid(session: Session, uuid: str) -> tuple[IdentifiedVm, ...]:
    """Return all virtual machines and templates with the BIOS UUID `uuid`, sorted by path.

    The function sends one request, and a second one if a VM has the UUID. It raises the faults of the API.
    """
    found = session.search_index.FindAllByUuid(None, uuid, True, False) or ()
    machines = [each for each in found if isinstance(each, vim.VirtualMachine)]
    identified = []
    for each in placed_vms(session, machines, *_PROPERTIES):
        values = each.properties
        options = {option.key: str(option.value) for option in values.get("config.extraConfig") or ()}
        identified.append(
            IdentifiedVm(
                moid=each.id,
                path=each.path or each.id,
                power_state=str(values.get("runtime.powerState", "")),
                template=bool(values.get("config.template")),
                marker=options.get(OWNER_KEY),
            )
        )
    return tuple(sorted(identified, key=lambda vm: (vm.path, vm.moid)))


def moids_by_uuid(session: Session) -> Mapping[str, Sequence[str]]:
    """Return the managed object ids of all virtual machines and templates by their lower-case BIOS UUID.

    The function sends two requests, or more if vCenter splits its second answer. The result omits a VM without a
    readable configuration, for example on a disconnected host. The function raises VcenterError and the faults of the
    API.
    """
    found: dict[str, list[str]] = {}
    for machine, uuid in property_of_vms(session, session.content.rootFolder, "config.uuid"):
        found.setdefault(str(uuid).lower(), []).append(machine._moId)
    return found
