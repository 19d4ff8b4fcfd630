# SPDX-License-Identifier: MPL-2.0
"""Optional dependencies and the message about a missing package."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from instant_clone import extras
from instant_clone.extras import Extra, missing_package, require

PROJECT = Path(__file__).resolve().parents[2]


def test_table_matches_the_optional_dependencies_in_pyproject() -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert {extra: sorted(packages.values()) for extra, packages in extras._PACKAGES.items()} == {
        extra: sorted(re.match(r"[\w-]+", requirement)[0] for requirement in requirements)  # type: ignore[index]
        for extra, requirements in declared.items()
    }


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("grpc", "the package grpcio is missing. Install instant-clone-fleet[plugin]."),
        ("google.protobuf", "the package protobuf is missing. Install instant-clone-fleet[plugin]."),
        ("cryptography.hazmat", "the package cryptography is missing. Install instant-clone-fleet[plugin]."),
        ("cdktf", "the package cdktf is missing. Install instant-clone-fleet[synth]."),
        ("pydantic", None),
        (None, None),
    ],
)
def test_message_contains_the_missing_package_and_its_extra(module: str | None, message: str | None) -> None:
    assert missing_package(ModuleNotFoundError("no", name=module)) == message


@pytest.mark.parametrize("extra", ["plugin", "synth"])
def test_accepts_installed_packages(extra: Extra) -> None:
    require(extra)


@pytest.mark.parametrize("folders", [[], ["google", "grpc", "msgpack"]])
def test_reports_the_first_missing_package(folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    for name in [name for name in sys.modules if name.partition(".")[0] in extras._PACKAGES["plugin"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(ModuleNotFoundError) as raised:
        require("plugin")

    # A folder `google` without protobuf belongs to another distribution.
    assert raised.value.name == ("google" if folders else "grpc")
