# SPDX-License-Identifier: MPL-2.0
"""Tests of the interpretation of pip-audit's and npm audit's output, with shortened copies of real output."""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from testkit.audit_results import Audit, Vulnerability, audit_from_npm, audit_from_pip_audit

LOCK = json.dumps(
    {"packages": {"": {}, "node_modules/tmp": {"version": "0.0.33"}, "node_modules/editor": {"version": "3.1.0"}}}
)


def ran(output: Any, *, status: int, errors: str = "") -> CompletedProcess[str]:
    return CompletedProcess([], status, output if isinstance(output, str) else json.dumps(output), errors)


def npm(output: Any, *, status: int, errors: str = "") -> Audit:
    return audit_from_npm(ran(output, status=status, errors=errors), "npm.lock", LOCK)


def pip_audit(output: Any, *, status: int, errors: str = "") -> Audit:
    return audit_from_pip_audit(ran(output, status=status, errors=errors), "pip.lock")


def test_package_that_depends_on_a_vulnerable_package_is_not_a_finding() -> None:
    advisory = {
        "source": 1109537,
        "name": "tmp",
        "title": "tmp allows arbitrary temporary file write via symbolic link",
        "url": "https://advisories.invalid/GHSA-52f5-9888-hmc6",
        "severity": "low",
        "range": "<=0.2.3",
    }
    report = {
        "auditReportVersion": 2,
        "vulnerabilities": {
            "editor": {"via": ["tmp"], "range": ">=1.1.1", "nodes": ["node_modules/editor"], "fixAvailable": False},
            "tmp": {"via": [advisory], "range": "<=0.2.3", "nodes": ["node_modules/tmp"], "fixAvailable": False},
        },
    }
    assert npm(report, status=1) == Audit(
        "npm.lock", 2, (Vulnerability("tmp", "0.0.33", ("GHSA-52f5-9888-hmc6",), ()),)
    )


def test_registry_without_advisories_is_not_audited() -> None:
    answer = {
        "message": "405 Method Not Allowed - POST http://registry.invalid/-/npm/v1/security/audits/quick",
        "statusCode": 405,
    }
    assert npm(answer, status=1, errors="npm error audit endpoint returned an error") == Audit(
        "npm.lock", unaudited=f"npm audit: {answer['message']}"
    )


@pytest.mark.parametrize(
    "output", ["", "<html>", "[]", "{}", '{"error": {"code": "ENOLOCK"}}', '{"vulnerabilities": {}}']
)
def test_unknown_npm_output_is_not_audited(output: str) -> None:
    assert npm(output, status=0, errors="npm error code ENOLOCK\n") == Audit(
        "npm.lock", unaudited="npm audit: npm error code ENOLOCK"
    )


@pytest.mark.parametrize("output", ["", "<html>", "[]", "{}", '{"dependencies": null}'])
def test_unknown_pip_audit_output_is_not_audited(output: str) -> None:
    assert pip_audit(output, status=0) == Audit("pip.lock", unaudited="pip-audit: no output")


def test_error_exit_code_without_findings_is_not_audited() -> None:
    clean = {"dependencies": [{"name": "one", "version": "1.0", "vulns": []}], "fixes": []}
    assert pip_audit(clean, status=0) == Audit("pip.lock", 1)
    assert pip_audit(clean, status=1, errors="Killed") == Audit(
        "pip.lock", 1, unaudited="pip-audit exited with 1: Killed"
    )
    assert npm({"auditReportVersion": 2, "vulnerabilities": {}}, status=7).unaudited == (
        "npm audit exited with 7: no output"
    )


def test_keeps_findings_if_another_package_was_skipped() -> None:
    report = {
        "dependencies": [
            {"name": "one", "version": "1.0", "vulns": [{"id": "PYSEC-1", "aliases": [], "fix_versions": ["1.1"]}]},
            {"name": "two", "skip_reason": "not found: two (2.0)"},
        ]
    }
    assert pip_audit(report, status=1) == Audit(
        "pip.lock",
        2,
        (Vulnerability("one", "1.0", ("PYSEC-1",), ("1.1",)),),
        "1 of 2 packages: pip-audit: not found: two (2.0)",
    )
