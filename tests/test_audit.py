# SPDX-License-Identifier: MPL-2.0
"""Tests of the audit of both lock files with real pip-audit and npm. A local server replaces their services."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from testkit import audit
from testkit.advisory_server import NPM_ADVISORIES, advisory_server, environment, pypi_path

PROJECT = Path(__file__).resolve().parents[1]
REASON = "Only used while the wheel is built."
NPM_LOCK = Path("package-lock.json")
ACCEPTED = f'[[tool.audit.accepted]]\nids = ["PYSEC-2026-7", "GHSA-cccc"]\nreason = "{REASON}"\ndate = 2026-11-27\n'
NO_VULNERABILITY: dict[str, Any] = {"info": {}, "vulnerabilities": []}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a project folder with two packages in each of its lock files, and return the folder."""
    python = {
        "default": {"first": {"version": "==1.0"}, "own": {"path": "."}},
        "develop": {"second": {"version": "==2.0"}},
    }
    (tmp_path / "Pipfile.lock").write_text(json.dumps(python))
    wanted = {"third": "3.0.0", "fourth": "4.0.0"}
    packages = {f"node_modules/{name}": {"version": version} for name, version in wanted.items()}
    root = {"name": "own", "dependencies": wanted}
    lock = {"name": "own", "lockfileVersion": 3, "requires": True, "packages": {"": root, **packages}}
    (tmp_path / "package.json").write_text(json.dumps(root))
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    (tmp_path / "pyproject.toml").write_text(ACCEPTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    return tmp_path


def of_pypi(id_: str, *, aliases: list[str], fixed_in: list[str]) -> dict[str, Any]:
    """Return the part of PyPI's response that pip-audit reads."""
    vulnerability = {"id": id_, "aliases": aliases, "fixed_in": fixed_in, "summary": "A hole.", "withdrawn": None}
    return {"info": {}, "vulnerabilities": [vulnerability]}


def of_npm(id_: str, affected: str) -> list[dict[str, Any]]:
    """Return an advisory in the format of the npm registry."""
    url = f"https://advisories.invalid/{id_}"
    return [{"id": 7, "url": url, "title": "A hole.", "severity": "high", "vulnerable_versions": affected}]


def manifest(name: str, version: str) -> dict[str, Any]:
    """Return the versions of a package in the npm registry. npm searches them for unaffected versions."""
    return {"name": name, "dist-tags": {"latest": version}, "versions": {version: {"name": name, "version": version}}}


@contextmanager
def services(answers: Mapping[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with advisory_server(answers, folder) as variables, monkeypatch.context() as changed:
        for name, value in variables.items():
            changed.setenv(name, value)
        yield


def test_vulnerability_fails_unless_it_is_accepted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        pypi_path("first", "1.0"): of_pypi("PYSEC-2026-6", aliases=["GHSA-aaaa"], fixed_in=["1.0.2", "1.1"]),
        pypi_path("second", "2.0"): of_pypi("PYSEC-2026-7", aliases=["GHSA-bbbb"], fixed_in=[]),
        NPM_ADVISORIES: {
            "third": of_npm("GHSA-cccc", "<3.0.1"),
            "fourth": of_npm("GHSA-dddd", ">=4.0.0 <4.0.5 || <3.9.1"),
        },
        "/third": manifest("third", "3.0.0"),
        "/fourth": manifest("fourth", "4.0.0"),
    }
    with services(answers, folder, monkeypatch):
        status = audit.main(["--allow-unaudited"], [NPM_LOCK])

    todo = "If no version is fixed, add the id to [[tool.audit.accepted]] in pyproject.toml, with a reason and a date."
    assert capsys.readouterr().out.splitlines() == [
        "vulnerable: Pipfile.lock: first 1.0: PYSEC-2026-6, GHSA-aaaa. Fixed in 1.0.2 or 1.1.",
        f"accepted: Pipfile.lock: second 2.0: PYSEC-2026-7, GHSA-bbbb. No fixed version is known. 2026-11-27: {REASON}",
        f"Pin the fixed version in Pipfile and run `make lock`. {todo}",
        "vulnerable: package-lock.json: fourth 4.0.0: GHSA-dddd. Fixed in 4.0.5 or 3.9.1.",
        f"accepted: package-lock.json: third 3.0.0: GHSA-cccc. Fixed in 3.0.1. 2026-11-27: {REASON}",
        f'Set the fixed version under "overrides" in package.json and run `make lock`. {todo}',
    ]
    assert status == 1


def test_packages_without_vulnerabilities_pass(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        pypi_path("first", "1.0"): NO_VULNERABILITY,
        pypi_path("second", "2.0"): NO_VULNERABILITY,
        NPM_ADVISORIES: {},
    }
    with services(answers, folder, monkeypatch):
        status = audit.main([], [NPM_LOCK])

    assert capsys.readouterr().out.splitlines() == [
        "audited: Pipfile.lock: no known vulnerability in 2 packages",
        "audited: package-lock.json: no known vulnerability in 2 packages",
        "pyproject.toml: [[tool.audit.accepted]]: PYSEC-2026-7 is no longer reported. Remove it.",
        "pyproject.toml: [[tool.audit.accepted]]: GHSA-cccc is no longer reported. Remove it.",
    ]
    assert status == 0


def test_audits_each_npm_lock_file_in_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path("tools", "other", "package-lock.json")
    (folder / other).parent.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        (folder / other.parent / name).write_text((folder / name).read_text())
    answers = {
        NPM_ADVISORIES: {"fourth": of_npm("GHSA-dddd", "<4.0.1")},
        "/fourth": manifest("fourth", "4.0.0"),
    }
    with services(answers, folder, monkeypatch):
        audit.main([], [NPM_LOCK, other])

    lines = capsys.readouterr().out.splitlines()
    vulnerable = [line for line in lines if line.startswith("vulnerable: ")]
    assert vulnerable == [f"vulnerable: {lock}: fourth 4.0.0: GHSA-dddd. Fixed in 4.0.1." for lock in (NPM_LOCK, other)]
    assert f'Set the fixed version under "overrides" in {other.with_name("package.json")}' in "\n".join(lines)


def test_index_without_vulnerability_data_is_not_audited(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with services({pypi_path("second", "2.0"): NO_VULNERABILITY}, folder, monkeypatch):
        status = audit.main([], [NPM_LOCK])

    python, npm = capsys.readouterr().out.splitlines()
    assert python == (
        "not audited: Pipfile.lock: 1 of 2 packages: "
        "pip-audit: Dependency not found on PyPI and could not be audited: first (1.0)"
    )
    assert npm.startswith("not audited: package-lock.json: npm audit: 404 Not Found - POST http://127.0.0.1:")
    assert status == 2


def test_without_a_network_all_lock_files_are_unaudited(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as keeper:
        # The socket reserves the port but does not listen on it.
        keeper.bind(("127.0.0.1", 0))
        for name, value in environment(f"http://127.0.0.1:{keeper.getsockname()[1]}").items():
            monkeypatch.setenv(name, value)
        status = audit.main(["--allow-unaudited"], [NPM_LOCK])

    python, npm = capsys.readouterr().out.splitlines()
    assert python.startswith("not audited: Pipfile.lock: pip-audit: ")
    assert "Connection refused" in python
    assert npm.startswith("not audited: package-lock.json: npm audit: ")
    assert "ECONNREFUSED" in npm
    assert status == 0


@pytest.mark.parametrize(
    "entry",
    [
        'reason = "why"\ndate = 2026-11-27',
        'ids = []\nreason = "why"\ndate = 2026-11-27',
        'ids = ["GHSA-aaaa"]\ndate = 2026-11-27',
        'ids = ["GHSA-aaaa"]\nreason = " "\ndate = 2026-11-27',
        'ids = ["GHSA-aaaa"]\nreason = "why"',
        'ids = ["GHSA-aaaa"]\nreason = "why"\ndate = "soon"',
    ],
)
def test_rejects_acceptance_without_ids_reason_or_date(entry: str) -> None:
    with pytest.raises(
        ValueError, match=r"^pyproject\.toml: \[\[tool\.audit\.accepted\]\] 1: no ids, reason or date\. Add it\.$"
    ):
        audit.accepted_vulnerabilities(f"[[tool.audit.accepted]]\n{entry}\n")


def test_incomplete_acceptance_fails_the_audit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pyproject.toml").write_text('[[tool.audit.accepted]]\nids = ["GHSA-aaaa"]\n')
    assert audit.main(["--allow-unaudited"]) == 3
    assert capsys.readouterr().err == ("pyproject.toml: [[tool.audit.accepted]] 1: no ids, reason or date. Add it.\n")


def test_acceptances_of_this_project_are_complete() -> None:
    audit.accepted_vulnerabilities((PROJECT / "pyproject.toml").read_text())


def test_audits_every_locked_package_once() -> None:
    lock = json.loads((PROJECT / "Pipfile.lock").read_text())
    requirements = audit.pinned_requirements((PROJECT / "Pipfile.lock").read_text())
    assert len(requirements) == len(set(lock["default"]) | set(lock["develop"])) - 1
    assert all(requirement.count("==") == 1 for requirement in requirements)
