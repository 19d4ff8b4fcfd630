# SPDX-License-Identifier: MPL-2.0
"""The lock files can be used with any index or mirror, and belong to what they lock."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from testkit.lock_files import NPM_LOCKS, addresses_in_npm_lock, addresses_in_pipenv_lock, without_sources

PROJECT = Path(__file__).resolve().parents[1]


def test_pipfile_lock_names_no_index() -> None:
    lock = (PROJECT / "Pipfile.lock").read_text()
    assert json.loads(lock)["_meta"]["sources"] == []
    assert addresses_in_pipenv_lock(lock) == []


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=str)
def test_package_lock_names_no_registry(lock: Path) -> None:
    assert addresses_in_npm_lock((PROJECT / lock).read_text()) == []


def test_each_package_of_npm_has_a_lock_that_is_checked() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "package.json", "*/package.json"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert {Path(path).with_name("package-lock.json") for path in listed.stdout.split()} == set(NPM_LOCKS)


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=str)
def test_package_lock_has_what_the_package_requires(lock: Path) -> None:
    required = json.loads((PROJECT / lock).with_name("package.json").read_text())["dependencies"]
    locked = json.loads((PROJECT / lock).read_text())["packages"]
    assert locked[""]["dependencies"] == required
    assert {name: locked[f"node_modules/{name}"]["version"] for name in required} == required


def test_addresses_are_found_wherever_they_stand() -> None:
    lock = {"packages": [{"a": {"resolved": "https://one.invalid/a.tgz"}}, {"url": "git+ssh://two.invalid/b"}]}
    assert addresses_in_npm_lock(json.dumps(lock)) == ["https://one.invalid/a.tgz", "git+ssh://two.invalid/b"]


def test_only_an_npm_lock_may_say_where_to_donate() -> None:
    lock = json.dumps({"a": {"funding": {"url": "https://donate.invalid"}}})
    assert addresses_in_npm_lock(lock) == []
    assert addresses_in_pipenv_lock(lock) == ["https://donate.invalid"]


def test_sources_are_stripped_and_the_rest_is_kept() -> None:
    lock = {"_meta": {"hash": {"sha256": "00"}, "sources": [{"url": "https://index.invalid"}]}, "default": {"a": {}}}
    assert json.loads(without_sources(json.dumps(lock))) == {
        "_meta": {"hash": {"sha256": "00"}, "sources": []},
        "default": {"a": {}},
    }
