# SPDX-License-Identifier: MPL-2.0
"""The optional dependencies, and the sentence about one that is missing."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from instant_clone import extras
from instant_clone.extras import Extra, missing_package, require

PROJECT = Path(__file__).resolve().parents[2]


def test_the_table_has_the_packages_of_pyproject() -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert {extra: sorted(packages.values()) for extra, packages in extras._PACKAGES.items()} == {
        extra: sorted(re.match(r"[\w-]+", requirement)[0] for requirement in requirements)  # type: ignore[index]
        for extra, requirements in declared.items()
    }


@pytest.mark.parametrize(
    ("module", "sentences"),
    [
        ("grpc", "the package grpcio is missing. Install instant-clone-fleet[plugin]."),
        ("google.protobuf", "the package protobuf is missing. Install instant-clone-fleet[plugin]."),
        ("cryptography.hazmat", "the package cryptography is missing. Install instant-clone-fleet[plugin]."),
        ("cdktf", "the package cdktf is missing. Install instant-clone-fleet[synth]."),
        ("pydantic", None),
        (None, None),
    ],
)
def test_a_missing_package_is_named_with_its_extra(module: str | None, sentences: str | None) -> None:
    assert missing_package(ModuleNotFoundError("no", name=module)) == sentences


@pytest.mark.parametrize("extra", ["plugin", "synth"])
def test_nothing_is_missing_where_everything_is_installed(extra: Extra) -> None:
    require(extra)


@pytest.mark.parametrize("folders", [[], ["google", "grpc", "msgpack"]])
def test_the_first_missing_package_is_reported(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    for name in [name for name in sys.modules if name.partition(".")[0] in extras._PACKAGES["plugin"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(ModuleNotFoundError) as raised:
        require("plugin")

    # A folder `google` without protobuf in it is another distribution's.
    assert raised.value.name == ("google" if folders else "grpc")
