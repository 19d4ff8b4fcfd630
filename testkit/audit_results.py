# SPDX-License-Identifier: MPL-2.0
"""Parse the JSON output of pip-audit and npm audit, and separate vulnerabilities from failed audits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import Any

__all__ = ["Audit", "Vulnerability", "audit_from_npm", "audit_from_pip_audit"]


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of a locked package. All `ids` name the same vulnerability."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fixed = f"Fixed in {' or '.join(self.fixed_in)}." if self.fixed_in else "No fixed version is known."
        return f"{self.package} {self.version}: {', '.join(self.ids)}. {fixed}"


@dataclass(frozen=True)
class Audit:
    """The result of an audit tool for a lock file.

    `unaudited` is the reason why packages were not checked. It is empty if all packages were checked.
    """

    lock: str
    packages: int = 0
    vulnerabilities: tuple[Vulnerability, ...] = ()
    unaudited: str = ""


def audit_from_pip_audit(ran: CompletedProcess[str], lock: str) -> Audit:
    """Return the result in the output of `pip-audit --format json`.

    pip-audit skips a package that the index lacks. It reports the reason, but does not change its exit status.
    """
    answer = _object(ran.stdout)
    dependencies = answer.get("dependencies")
    if not isinstance(dependencies, list):
        return Audit(lock, unaudited=f"pip-audit: {_last_line(ran)}")
    skipped = [dependency for dependency in dependencies if "skip_reason" in dependency]
    found = tuple(
        Vulnerability(
            package=dependency["name"],
            version=dependency["version"],
            ids=(vulnerability["id"], *vulnerability.get("aliases", ())),
            fixed_in=tuple(vulnerability["fix_versions"]),
        )
        for dependency in dependencies
        for vulnerability in dependency.get("vulns", ())
    )
    unaudited = ""
    if skipped:
        unaudited = f"{len(skipped)} of {len(dependencies)} packages: pip-audit: {skipped[0]['skip_reason']}"
    return Audit(lock, len(dependencies), found, unaudited or _exit_status_mismatch("pip-audit", ran, found))


def audit_from_npm(ran: CompletedProcess[str], lock: str, npm_lock: str) -> Audit:
    """Return the result in the output of `npm audit --json`, with versions from `npm_lock`, the text of the lock file.

    The report has an entry for each vulnerable package, with the advisories in `via`. It also has an entry for each
    package that depends on a vulnerable package, with only names in `via`.
    """
    answer = _object(ran.stdout)
    entries = answer.get("vulnerabilities")
    if answer.get("auditReportVersion") != 2 or not isinstance(entries, dict):
        return Audit(lock, unaudited=f"npm audit: {answer.get('message') or _last_line(ran)}")
    locked = json.loads(npm_lock)["packages"]
    found = tuple(
        Vulnerability(
            package=name,
            version=", ".join(sorted({locked[node]["version"] for node in entry["nodes"]})),
            ids=(advisory["url"].rpartition("/")[2],),
            fixed_in=_fixed_in(advisory["range"]),
        )
        for name, entry in sorted(entries.items())
        for advisory in entry["via"]
        if isinstance(advisory, dict)
    )
    return Audit(lock, len(locked) - 1, found, _exit_status_mismatch("npm audit", ran, found))


def _fixed_in(vulnerable: str) -> tuple[str, ...]:
    """Return the fixed versions in a vulnerable range such as ">=4.0.0 <4.1.2 || <3.9.1".

    npm reports no other fixed versions.
    """
    return tuple(re.findall(r"<(?!=)\s*([^\s|]+)", vulnerable))


def _exit_status_mismatch(tool: str, ran: CompletedProcess[str], found: tuple[Vulnerability, ...]) -> str:
    """Return a message if the exit status contradicts the result, else "".

    Both tools exit with 1 for vulnerabilities.
    """
    return "" if ran.returncode == int(bool(found)) else f"{tool} exited with {ran.returncode}: {_last_line(ran)}"


def _object(text: str) -> dict[str, Any]:
    """Return the JSON object in `text`, or an empty object if a tool printed no JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _last_line(ran: CompletedProcess[str]) -> str:
    return (ran.stderr.strip().splitlines() or ["no output"])[-1]
