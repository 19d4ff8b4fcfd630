# SPDX-License-Identifier: MPL-2.0
"""Both lock files can be used with any index or mirror, and belong to what they lock."""

from __future__ import annotations

import json
from pathlib import Path

from testkit.lock_files import addresses_in_npm_lock, addresses_in_pipenv_lock, without_sources

PROJECT = Path(__file__).resolve().parents[1]


def test_pipfile_lock_names_no_index() -> None:
    lock = (PROJECT / "Pipfile.lock").read_text()
    assert json.loads(lock)["_meta"]["sources"] == []
    assert addresses_in_pipenv_lock(lock) == []


def test_package_lock_names_no_registry() -> None:
    assert addresses_in_npm_lock((PROJECT / "package-lock.json").read_text()) == []


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
