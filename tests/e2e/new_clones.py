# SPDX-License-Identifier: MPL-2.0
"""Helpers for tests of plans with new clones, and of the SOAP requests of these plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.conftest import Bench
from tests.e2e.terraform import Outcome

__all__ = ["DRY_RUN", "IN_DATACENTER", "numbered", "planned", "told", "with_more"]

IN_DATACENTER = {"datacenter_id": "${data.vsphere_datacenter.datacenter.id}"}
DRY_RUN = "CheckInstantClone_Task"


def with_more(document: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` with more data sources (keyword `data`) or resources (keyword `resource`)."""
    return {**document, **{kind: {**document.get(kind, {}), **added} for kind, added in more.items()}}


def planned(bench: Bench, whole: Mapping[str, Any], *arguments: str) -> tuple[Outcome, dict[str, int]]:
    """Run a plan, and return its outcome and its number of SOAP requests by method."""
    bench.terraform.write(whole)
    bench.simulator.requests(reset=True)
    return bench.terraform.run("plan", *arguments), bench.simulator.requests()


def numbered(prefix: str, count: int) -> list[str]:
    """Return `count` names, such as "PREFIX-0"."""
    return [f"{prefix}-{index}" for index in range(count)]


def told(outcome: Outcome) -> list[tuple[str, str]]:
    """Return severity and summary of each diagnostic."""
    return [(each.severity, each.summary) for each in outcome.diagnostics]
