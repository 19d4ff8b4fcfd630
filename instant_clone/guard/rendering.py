# SPDX-License-Identifier: MPL-2.0
"""A report for people, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from instant_clone.guard.report import Clones, Finding, Report, Severity

__all__ = ["SCHEMA", "as_json", "as_text"]

SCHEMA = 1
"""of the JSON object; raised when something in it changes its meaning or goes"""

_PROMISE = "Nothing reboots, replaces or moves a clone, or takes a disk from it."


def as_json(report: Report) -> str:
    """The report as one JSON object; docs/guard.md has its shape."""
    document = {
        "schema": SCHEMA,
        "passed": report.passed,
        "clones": {
            "unchanged": report.clones.unchanged,
            "updated": report.clones.updated,
            "created": report.clones.created,
            "replaced": report.clones.replaced,
            "destroyed": report.clones.destroyed,
            "forgotten": report.clones.forgotten,
        },
        "findings": [
            {
                "address": finding.address,
                "kind": finding.kind.value,
                "severity": finding.severity.value,
                "argument": finding.argument,
                "old": finding.old,
                "new": finding.new,
                "reason": finding.reason,
            }
            for finding in report.findings
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_text(report: Report) -> str:
    """The report for a terminal or a log: what several clones have in common is told once."""
    lines = [line for severity in Severity for line in _told(report.having(severity))]
    lines.append(_summary(report.clones))
    if report.passed and not report.having(Severity.ALLOWED):
        lines.append(_PROMISE)
    return "\n".join(lines)


def _told(findings: tuple[Finding, ...]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for finding in findings:
        alike.setdefault((_headline(finding), finding.reason), []).append(finding.address)
    for (headline, reason), addresses in alike.items():
        yield headline
        yield f"  {reason}"
        yield from (f"    {address}" for address in addresses)


def _headline(finding: Finding) -> str:
    about = f"{finding.severity}: {finding.kind}"
    if not finding.argument:
        return about
    old, new = (json.dumps(value, ensure_ascii=False) for value in (finding.old, finding.new))
    return f"{about}: {finding.argument} {old} → {new}"


def _summary(clones: Clones) -> str:
    parts = (
        (clones.unchanged, "left as it is", "left as they are"),
        (clones.updated, "changed", "changed"),
        (clones.created, "made", "made"),
        (clones.replaced, "replaced", "replaced"),
        (clones.destroyed, "destroyed", "destroyed"),
        (clones.forgotten, "forgotten", "forgotten"),
    )
    told = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in parts if count)
    return f"{clones.total} clone{'' if clones.total == 1 else 's'}{f': {told}' if told else ''}."
