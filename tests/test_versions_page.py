# SPDX-License-Identifier: MPL-2.0
"""Tests that the pages contain the versions that the set-up, the tests and the product use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from instant_clone.stock_provider.releases import DEFAULT_RELEASE, NEWEST_CHECKED, OLDEST_SUPPORTED

PROJECT = Path(__file__).resolve().parents[1]


def found(path: str, pattern: str) -> str:
    match = re.search(pattern, (PROJECT / path).read_text())
    assert match, f"{path} has no {pattern}"
    return match[1]


def required(package: str, name: str) -> str:
    version: str = json.loads((PROJECT / package).read_text())["dependencies"][name]
    return version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("`cdktn-cli` {} in", required("tools/cdktn/package.json", "cdktn-cli")),
        ("the bindings of cdktf {}:", required("package.json", "cdktf-cli").removesuffix(".0")),
        ("OpenTofu {}. It builds", found("tools/opentofu/go.mod", r"opentofu/opentofu v(\S+)")),
        ("Terraform {} and OpenTofu", found("Makefile", r"TERRAFORM_VERSION := (\S+)")),
        ("Python {} or newer", found("pyproject.toml", r'requires-python = ">=([0-9.]+)"')),
        ("the releases {} to", OLDEST_SUPPORTED),
        ("to {} of the stock provider", NEWEST_CHECKED),
    ],
)
def test_page_contains_the_used_versions(text: str, version: object) -> None:
    assert text.format(version) in _words("docs/versions.md")


@pytest.mark.parametrize(
    ("page", "text", "version"),
    [
        ("README.md", "Releases 2.0.2 to {} are checked", NEWEST_CHECKED),
        ("CONTRIBUTING.md", "and {}.", NEWEST_CHECKED),
        ("docs/versions.md", "The default release is {}.", DEFAULT_RELEASE),
        ("docs/fleets.md", '| `version` | `"{}"` |', DEFAULT_RELEASE),
        ("docs/guard.md", "the default release, {}", DEFAULT_RELEASE),
        ("docs/commands.md", "the default release, {}.", DEFAULT_RELEASE),
    ],
)
def test_other_pages_contain_the_same_releases(page: str, text: str, version: object) -> None:
    assert text.format(version) in _words(page)


def _words(page: str) -> str:
    return " ".join((PROJECT / page).read_text().split())
