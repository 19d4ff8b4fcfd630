"""Bringing the state of an adopted clone in line with its configuration.

The stock provider's import knows nothing of the configuration. What it leaves open, or fills with values of its own,
would show as a change in the very next plan, and some of these changes destroy disks or power the clone off: the
disks' labels (since 2.7.0 an imported disk is called after its device, "Hard disk 1", and a label that differs means
another disk), `keep_on_remove`, `extra_config`, the waiters. Here the state is given the configuration's words for
what is already true of the clone, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from instant_clone.provider.values import is_unknown

__all__ = ["Aligned", "align"]

# Arguments that steer the provider and are no property of the VM: the state just repeats the configuration.
_CONFIGURATION_ONLY = (
    "extra_config_reboot_required",
    "force_power_off",
    "ignored_guest_ips",
    "migrate_wait_timeout",
    "poweron_timeout",
    "shutdown_wait_timeout",
    "wait_for_guest_ip_timeout",
    "wait_for_guest_net_routable",
    "wait_for_guest_net_timeout",
    # Not a property of the VM either, but null → value would replace a clone that has just been made.
    "replace_trigger",
)


@dataclass(frozen=True)
class Aligned:
    """A state in the configuration's words, and the VM's disks for which the configuration has none."""

    state: dict[str, Any]
    orphans: tuple[str, ...]
    """such as "scsi unit 3, 20 GiB (Hard disk 4)" """


def align(
    state: Mapping[str, Any], config: Mapping[str, Any], *, extra_config: Mapping[str, str], tpm_count: int
) -> Aligned:
    """The imported `state` of a VM in the words of `config`.

    `extra_config` is what the VM has of the keys that the configuration manages, `tpm_count` its number of virtual
    TPM devices: the stock provider reads back neither.
    """
    aligned = dict(state)
    aligned["imported"] = False
    if "datastore_cluster_id" in state:
        # The import finds the datastore's cluster. Where a datastore is configured instead, that would look as if the
        # VM had to leave the cluster; where the cluster is, the datastore was chosen among its members.
        aligned["datastore_cluster_id"] = config.get("datastore_cluster_id")
    aligned["disk"], orphans = _align_disks(state.get("disk") or [], config.get("disk") or [])
    wanted = config.get("extra_config")
    if isinstance(wanted, Mapping):
        aligned["extra_config"] = {key: extra_config[key] for key in wanted if key in extra_config} or None
    for name in _CONFIGURATION_ONLY:
        if name in state and config.get(name) is not None:
            aligned[name] = config[name]
    if "vtpm" in state:
        modules = config.get("vtpm") or []
        aligned["vtpm"] = modules if len(modules) == tpm_count else [{"version": "2.0"}] * tpm_count
    return Aligned(aligned, orphans)


def _align_disks(
    disks: Iterable[Mapping[str, Any]], configured: Iterable[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    configured = list(configured)
    if any(is_unknown(part) for disk in configured for part in (disk, *_place(disk))):
        # Without the places no pair can be told; Terraform plans again once it knows them.
        return [dict(disk) for disk in disks], ()
    partners = {_place(disk): disk for disk in configured}
    aligned, orphans = [], []
    for disk in disks:
        partner = partners.get(_place(disk))
        if partner is None:
            orphans.append(_described(disk))
            aligned.append(dict(disk))
        else:
            keep = bool(partner.get("keep_on_remove"))
            aligned.append({**disk, "label": partner["label"], "keep_on_remove": keep})
    return aligned, tuple(orphans)


def _place(disk: object) -> tuple[Any, Any]:
    """Controller type and unit number, which together name a disk within a VM; with the schema's defaults."""
    if not isinstance(disk, Mapping):
        return ("", disk)
    controller, unit = disk.get("controller_type"), disk.get("unit_number")
    return ("scsi" if controller is None else controller, 0 if unit is None else unit)


def _described(disk: Mapping[str, Any]) -> str:
    controller, unit = _place(disk)
    return f"{controller} unit {unit}, {disk.get('size')} GiB ({disk.get('label')})"
