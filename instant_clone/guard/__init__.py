# SPDX-License-Identifier: MPL-2.0
"""What a Terraform plan would do to instant clones, read from the JSON of `terraform show`.

An instant clone shares memory with its source as long as it runs on that source's host, and disks as long as it keeps
them where they are. A plan that reboots, replaces or moves a clone, or takes a disk from it, does not say so; this
package does, for plans of the plugin and of the stock provider alike.
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
