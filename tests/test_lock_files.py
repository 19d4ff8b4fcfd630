# SPDX-License-Identifier: MPL-2.0
"""Tests that the lock files work with any index or mirror, and that they match the requirements."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from testkit.lock_files import NPM_LOCKS, addresses_in_npm_lock, addresses_in_pipenv_lock, without_sources

PROJECT = Path(__file__).resolve().parents[1]


def test_pipfile_lock_contains_no_index() -> None:
    lock = (PROJECT / "Pipfile.lock").read_text()
    assert json.loads(lock)["_meta"]["sources"] == []
    assert addresses_in_pipenv_lock(lock) == []


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=str)
def test_package_lock_contains_no_registry(lock: Path) -> None:
    assert addresses_in_npm_lock((PROJECT / lock).read_text()) == []


def test_checks_the_lock_file_of_each_npm_package() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "package.json", "*/package.json"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert {Path(path).with_name("package-lock.json") for path in listed.stdout.split()} == set(NPM_LOCKS)


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=str)
def test_package_lock_matches_the_required_versions(lock: Path) -> None:
    required = json.loads((PROJECT / lock).with_name("package.json").read_text())["dependencies"]
    locked = json.loads((PROJECT / lock).read_text())["packages"]
    assert locked[""]["dependencies"] == required
    assert {name: locked[f"node_modules/{name}"]["version"] for name in required} == required


def test_finds_addresses_at_any_depth() -> None:
    lock = {"packages": [{"a": {"resolved": "https://one.invalid/a.tgz"}}, {"url": "git+ssh://two.invalid/b"}]}
    assert addresses_in_npm_lock(json.dumps(lock)) == ["https://one.invalid/a.tgz", "git+ssh://two.invalid/b"]


def test_ignores_funding_addresses_only_in_npm_lock_files() -> None:
    lock = json.dumps({"a": {"funding": {"url": "https://donate.invalid"}}})
    assert addresses_in_npm_lock(lock) == []
    assert addresses_in_pipenv_lock(lock) == ["https://donate.invalid"]


def test_strips_only_the_sources() -> None:
    lock = {"_meta": {"hash": {"sha256": "00"}, "sources": [{"url": "https://index.invalid"}]}, "default": {"a": {}}}
    assert json.loads(without_sources(json.dumps(lock))) == {
        "_meta": {"hash": {"sha256": "00"}, "sources": []},
        "default": {"a": {}},
    }
