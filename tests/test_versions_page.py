# SPDX-License-Identifier: MPL-2.0
"""Tests that docs/versions.md contains the versions that the set-up and the tests use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from instant_clone.stock_provider.releases import NEWEST_CHECKED, OLDEST_SUPPORTED

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
    assert text.format(version) in " ".join((PROJECT / "docs" / "versions.md").read_text().split())
