# SPDX-License-Identifier: MPL-2.0
"""Plans of Terraform, and plans that tests build from the same parts.

The files in plans/ are real plans from Terraform 1.11.4 against the simulator. Each plan has two clones of the source
"golden" and one pin for each clone. The provider of each file is:

- generation, pin: the plugin with the stock provider 2.16.1
- label, pool: the stock provider 2.16.1 after `terraform state replace-provider`
- extra_config: the stock provider 2.0.2 after `terraform state replace-provider`

The files contain only the resources of one clone from the output of `terraform show -json`. They contain only the
arguments that change and the arguments that the tests need. tests/e2e/test_guard.py creates such plans and checks them
in full.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from instant_clone.guard import Plan, examine, read_plan

__all__ = ["CLONE", "PIN", "UUID", "change", "document", "made_by_terraform", "pin", "plan", "summaries", "text"]

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
    """Return the plan in a file of plans/."""
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
    """Return the change of a clone.

    `actions` lists actions separated by spaces, such as "delete create". `after` holds the arguments that change.
    """
    removed = actions in ("delete", "forget")
    return {
        "address": 'vsphere_virtual_machine.web["web-0"]',
        "mode": "managed",
        "type": "vsphere_virtual_machine",
        "provider_name": "instantclone.internal/fleet/vsphere",
        "change": {
            "actions": actions.split(),
            "before": deepcopy(before),
            "after": None if removed else (before or CLONE) | after,
            "after_unknown": unknown or {},
            "before_sensitive": sensitive or {},
            "after_sensitive": False if removed else sensitive or {},
        },
        **(resource or {}),
    }


def pin(actions: str, before: dict[str, Any] = PIN, **after: Any) -> dict[str, Any]:
    """Return the change of a pin."""
    return change(
        actions,
        before=before,
        resource={"address": 'vsphere_drs_vm_override.web["web-0"]', "type": "vsphere_drs_vm_override"},
        **after,
    )


def document(*changes: dict[str, Any], drift: tuple[dict[str, Any], ...] = (), release: str = "2.16.1") -> Any:
    """Return the JSON document of a plan."""
    provider = {"full_name": "instantclone.internal/fleet/vsphere", "version_constraint": release}
    return {
        "format_version": "1.2",
        "planned_values": {},
        "resource_changes": list(changes),
        "resource_drift": list(drift),
        "configuration": {"provider_config": {"vsphere": provider}},
    }


def text(of: Any) -> bytes:
    """Return a JSON document as bytes."""
    return json.dumps(of).encode()


def plan(*changes: dict[str, Any], drift: tuple[dict[str, Any], ...] = (), release: str = "2.16.1") -> Plan:
    """Return a plan with these changes."""
    return read_plan(text(document(*changes, drift=drift, release=release)), "plan.json")


def summaries(of: Plan, **options: Any) -> list[tuple[str, str, str]]:
    """Return the kind, severity and argument of each finding."""
    return [(each.kind.value, each.severity.value, each.argument) for each in examine(of, **options).findings]
