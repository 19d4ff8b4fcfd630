# SPDX-License-Identifier: MPL-2.0
"""Plans as Terraform writes them, and ones made of the same parts.

The files in plans/ come from real plans against the simulator: two clones of its source "golden", each with a pin,
Terraform 1.11.4, and the stock provider 2.16.1 within the plugin (generation, pin) or alone, after `terraform state
replace-provider` (label, pool; extra_config with 2.0.2). Their `terraform show -json` is cut down to the resources of
one clone, to the arguments that matter here and to those that change. tests/e2e/test_guard.py makes such plans anew,
and judges them whole.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from instant_clone.guard import Plan, examine, read_plan

__all__ = ["CLONE", "PIN", "UUID", "change", "document", "made_by_terraform", "pin", "plan", "text", "told"]

PLANS = Path(__file__).parent / "plans"

UUID = "0a5dd4c7-96cf-464d-b4ac-718eb8a134c4"
CLONE: dict[str, Any] = {
    "id": UUID,
    "name": "web-0",
    "instantclone": [{"source_uuid": "782dd3b8-bc5f-5d53-a9b3-561ec3ce31e5", "timeout": 30}],
    "extra_config": {"guestinfo.instantclone.owner": "o/web/web-0/s/1", "guestinfo.token": "hunter2"},
    "extra_config_reboot_required": False,
    "host_system_id": "host-39",
    "resource_pool_id": "resgroup-29",
    "datastore_id": "datastore-63",
    "num_cpus": 2,
    "cpu_hot_add_enabled": True,
    "memory": 4096,
    "memory_hot_add_enabled": True,
    "vmware_tools_status": "guestToolsRunning",
    "disk": [
        {"label": "disk0", "controller_type": "scsi", "unit_number": 0, "size": 16, "uuid": "6000-0", "key": 2000},
        {"label": "disk1", "controller_type": "scsi", "unit_number": 1, "size": 8, "uuid": "6000-1", "key": 2001},
    ],
    "vapp": [],
}
PIN: dict[str, Any] = {
    "compute_cluster_id": "domain-c30",
    "drs_automation_level": "manual",
    "drs_enabled": False,
    "id": f"domain-c30:{UUID}",
    "virtual_machine_id": UUID,
}


def made_by_terraform(name: str) -> Plan:
    """One of the files."""
    return read_plan((PLANS / f"{name}.json").read_bytes(), name)


def change(
    actions: str = "update",
    /,
    *,
    before: dict[str, Any] | None = CLONE,
    unknown: Any = None,
    sensitive: Any = None,
    resource: dict[str, Any] | None = None,
    **after: Any,
) -> dict[str, Any]:
    """A clone's change: `after` is what becomes different; `actions` are written as in "delete create"."""
    gone = actions in ("delete", "forget")
    return {
        "address": 'vsphere_virtual_machine.web["web-0"]',
        "mode": "managed",
        "type": "vsphere_virtual_machine",
        "provider_name": "instantclone.internal/fleet/vsphere",
        "change": {
            "actions": actions.split(),
            "before": deepcopy(before),
            "after": None if gone else (before or CLONE) | after,
            "after_unknown": unknown or {},
            "before_sensitive": sensitive or {},
            "after_sensitive": False if gone else sensitive or {},
        },
        **(resource or {}),
    }


def pin(actions: str, before: dict[str, Any] = PIN, **after: Any) -> dict[str, Any]:
    """A pin's change."""
    return change(
        actions,
        before=before,
        resource={"address": 'vsphere_drs_vm_override.web["web-0"]', "type": "vsphere_drs_vm_override"},
        **after,
    )


def document(*changes: dict[str, Any], drift: tuple[dict[str, Any], ...] = (), release: str = "2.16.1") -> Any:
    """A plan's document."""
    provider = {"full_name": "instantclone.internal/fleet/vsphere", "version_constraint": release}
    return {
        "format_version": "1.2",
        "planned_values": {},
        "resource_changes": list(changes),
        "resource_drift": list(drift),
        "configuration": {"provider_config": {"vsphere": provider}},
    }


def text(of: Any) -> bytes:
    """A document as bytes."""
    return json.dumps(of).encode()


def plan(*changes: dict[str, Any], drift: tuple[dict[str, Any], ...] = (), release: str = "2.16.1") -> Plan:
    """A plan as it is read."""
    return read_plan(text(document(*changes, drift=drift, release=release)), "plan.json")


def told(of: Plan, **options: Any) -> list[tuple[str, str, str]]:
    """Kind, severity and argument of each finding."""
    return [(each.kind.value, each.severity.value, each.argument) for each in examine(of, **options).findings]
