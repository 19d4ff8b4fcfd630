# SPDX-License-Identifier: MPL-2.0
"""Check the lock files for known vulnerabilities with pip-audit and npm audit.

`make audit` fails if a lock file could not be audited. `make test` passes `--allow-unaudited`, because many mirrors of
the package registries do not serve vulnerabilities. The exit status of the tools is not sufficient: pip-audit exits
with 0 if the index has no information about the packages, and npm audit exits with 1 for vulnerabilities and for
errors.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testkit.audit_results import Audit, Vulnerability, audit_from_npm, audit_from_pip_audit
from testkit.lock_files import NPM_LOCKS, PIPENV_LOCK

__all__ = ["Accepted", "accepted_vulnerabilities", "main", "pinned_requirements", "report"]

VULNERABLE, UNAUDITED, INVALID = 1, 2, 3
# The time limit of a tool that hangs, in seconds. If the server does not respond, both tools fail earlier.
DEADLINE = 180.0


@dataclass(frozen=True)
class Accepted:
    """An entry of `[[tool.audit.accepted]]` in pyproject.toml. Each id belongs to one vulnerability of one package."""

    ids: tuple[str, ...]
    reason: str
    date: datetime.date


def accepted_vulnerabilities(pyproject: str) -> tuple[Accepted, ...]:
    """Return the accepted vulnerabilities in the text of a pyproject.toml.

    Raises:
        ValueError: an entry lacks ids, a reason or a date.
    """
    entries = tomllib.loads(pyproject).get("tool", {}).get("audit", {}).get("accepted", [])
    return tuple(_accepted(number, entry) for number, entry in enumerate(entries, 1))


def _accepted(number: int, entry: dict[str, Any]) -> Accepted:
    match entry:
        case {"ids": [str(), *_] as ids, "reason": str() as reason, "date": datetime.date() as date} if reason.strip():
            return Accepted(tuple(ids), reason, date)
    raise ValueError(f"pyproject.toml: [[tool.audit.accepted]] {number}: no ids, reason or date. Add it.")


def pinned_requirements(pipenv_lock: str) -> list[str]:
    """Return NAME==VERSION for each package in the text of a Pipfile.lock, for all Python versions and platforms."""
    lock = json.loads(pipenv_lock)
    packages = {**lock["default"], **lock["develop"]}
    return sorted(f"{name}{package['version']}" for name, package in packages.items() if "version" in package)


def audit_python() -> Audit:
    """Run pip-audit on Pipfile.lock, and return the result."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text("\n".join(pinned_requirements(PIPENV_LOCK.read_text())))
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--requirement", str(requirements)]
        options = [
            "--format",
            "json",
            "--aliases",
            "on",
            "--progress-spinner",
            "off",
            "--cache-dir",
            ".cache/pip-audit",
        ]
        try:
            ran = _run([*command, *options])
        except subprocess.TimeoutExpired:
            return Audit(str(PIPENV_LOCK), unaudited=f"pip-audit timed out after {DEADLINE:.0f} s")
    return audit_from_pip_audit(ran, str(PIPENV_LOCK))


def audit_npm(lock: Path) -> Audit:
    """Run npm audit on a package-lock.json, and return the result."""
    try:
        ran = _run(["npm", "audit", "--package-lock-only", "--json", "--fetch-retries", "0"], lock.parent)
    except subprocess.TimeoutExpired:
        return Audit(str(lock), unaudited=f"npm audit timed out after {DEADLINE:.0f} s")
    return audit_from_npm(ran, str(lock), lock.read_text())


def _run(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=DEADLINE)


def report(audits: Sequence[Audit], accepted: Sequence[Accepted]) -> tuple[list[str], int]:
    """Return the lines to print and the exit status: 1 for a vulnerability, 2 for a lock file that was not audited."""
    acceptances = {id_: entry for entry in accepted for id_ in entry.ids}
    lines = [line for audit in audits for line in _lines(audit, acceptances)]
    found = {id_ for audit in audits for vulnerability in audit.vulnerabilities for id_ in vulnerability.ids}
    unaudited = any(audit.unaudited for audit in audits)
    # An accepted id can belong to any lock file. An id is obsolete only if all lock files were audited.
    if not unaudited:
        lines += [
            f"pyproject.toml: [[tool.audit.accepted]]: {id_} is no longer reported. Remove it."
            for id_ in acceptances
            if id_ not in found
        ]
    if any(
        _acceptance(vulnerability, acceptances) is None for audit in audits for vulnerability in audit.vulnerabilities
    ):
        return lines, VULNERABLE
    return lines, UNAUDITED if unaudited else 0


def _lines(audit: Audit, acceptances: Mapping[str, Accepted]) -> Iterator[str]:
    refused = False
    for vulnerability in audit.vulnerabilities:
        sentence = f"{audit.lock}: {vulnerability}"
        if acceptance := _acceptance(vulnerability, acceptances):
            yield f"accepted: {sentence} {acceptance.date}: {acceptance.reason}"
        else:
            refused = True
            yield f"vulnerable: {sentence}"
    if refused:
        yield (
            f"{_remedy(audit.lock)} and run `make lock`. "
            "If no version is fixed, add the id to [[tool.audit.accepted]] in pyproject.toml, with a reason and a date."
        )
    if audit.unaudited:
        yield f"not audited: {audit.lock}: {audit.unaudited}"
    elif not audit.vulnerabilities:
        yield f"audited: {audit.lock}: no known vulnerability in {audit.packages} packages"


def _remedy(lock: str) -> str:
    if lock == str(PIPENV_LOCK):
        return "Pin the fixed version in Pipfile"
    return f'Set the fixed version under "overrides" in {Path(lock).with_name("package.json")}'


def _acceptance(vulnerability: Vulnerability, acceptances: Mapping[str, Accepted]) -> Accepted | None:
    return next((acceptances[id_] for id_ in vulnerability.ids if id_ in acceptances), None)


def main(arguments: Sequence[str], npm_locks: Sequence[Path] = NPM_LOCKS) -> int:
    """Audit Pipfile.lock and `npm_locks` in the working directory, print the results, and return the exit status."""
    try:
        accepted = accepted_vulnerabilities(Path("pyproject.toml").read_text())
    except ValueError as error:
        print(error, file=sys.stderr)
        return INVALID
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(audit_python), *(pool.submit(audit_npm, lock) for lock in npm_locks)]
        audits = [audit.result() for audit in running]
    lines, status = report(audits, accepted)
    print("\n".join(lines))
    return 0 if status == UNAUDITED and "--allow-unaudited" in arguments else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
