# SPDX-License-Identifier: MPL-2.0
"""Output of a report as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from instant_clone.guard.report import Clones, Finding, Report, Severity

__all__ = ["SCHEMA", "as_json", "as_text"]

SCHEMA = 1
"""The version of the JSON object. It increases when a key is removed or changes its meaning."""

_NO_FINDINGS = "No clone is rebooted, replaced or moved, and no clone loses a disk."


def as_json(report: Report) -> str:
    """Return the report as a JSON object. docs/guard.md describes its shape."""
    document = {
        "schema": SCHEMA,
        "passed": report.passed,
        "clones": asdict(report.clones),
        "findings": [asdict(finding) for finding in report.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_text(report: Report) -> str:
    """Return the report as text. Equal findings of several resources are printed once, with all addresses."""
    lines = [line for severity in Severity for line in _lines(report.having(severity))]
    lines.append(_summary(report.clones))
    if report.passed and not report.having(Severity.ALLOWED):
        lines.append(_NO_FINDINGS)
    return "\n".join(lines)


def _lines(findings: tuple[Finding, ...]) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for finding in findings:
        groups.setdefault((_headline(finding), finding.reason), []).append(finding.address)
    for (headline, reason), addresses in groups.items():
        yield headline
        yield f"  {reason}"
        yield from (f"    {address}" for address in addresses)


def _headline(finding: Finding) -> str:
    start = f"{finding.severity}: {finding.kind}"
    if not finding.argument:
        return start
    old, new = (json.dumps(value, ensure_ascii=False) for value in (finding.old, finding.new))
    return f"{start}: {finding.argument} {old} → {new}"


def _summary(clones: Clones) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in asdict(clones).items() if count)
    return f"{clones.total} clone{'' if clones.total == 1 else 's'}{f': {counts}' if counts else ''}."
