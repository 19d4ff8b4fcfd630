# SPDX-License-Identifier: MPL-2.0
"""Check of a Terraform plan, as JSON from `terraform show`, for changes that reboot, replace or move instant clones.

An instant clone shares memory with its source while it runs on the source's host. It shares disks with its source while
the disks stay in place. A plan does not show that a change reboots, replaces or moves a clone, or removes a disk from
it. This package reports such changes, for plans of the plugin and of the stock provider.
"""

from instant_clone.guard.analysis import examine
from instant_clone.guard.plan import Plan, PlanError, read_plan
from instant_clone.guard.rendering import as_json, as_text
from instant_clone.guard.report import Clones, Finding, Kind, Report, Severity

__all__ = [
    "Clones",
    "Finding",
    "Kind",
    "Plan",
    "PlanError",
    "Report",
    "Severity",
    "as_json",
    "as_text",
    "examine",
    "read_plan",
]
