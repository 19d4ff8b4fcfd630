# SPDX-License-Identifier: MPL-2.0
"""The command as a whole: its version, and packages that are missing."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instant_clone.cli import app, main

PROJECT = Path(__file__).resolve().parents[3]


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"{project['name']} {project['version']}\n")


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    headings = [line for line in (PROJECT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]

    assert headings[0] == "## [Unreleased]"
    assert headings[1].startswith(f"## [{version}] - 20")


@pytest.mark.parametrize("program", ["instant-clone", "/opt/venv/bin/instant-clone"])
def test_a_missing_package_is_one_sentence(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Python takes a module that is None for one that is not installed.
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.setattr(sys, "argv", [program, "provider", "install", "--version", "2.16.1"])

    with pytest.raises(SystemExit) as ended:
        main()

    # Python prints the text and exits with code 1.
    assert ended.value.code == (
        "instant-clone provider install: the package grpcio is missing. Install instant-clone-fleet[plugin]."
    )
    assert capsys.readouterr().err == ""


def test_a_missing_module_of_no_extra_is_no_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tempfile", None)

    result = CliRunner().invoke(app, ["provider", "install"])

    assert isinstance(result.exception, ModuleNotFoundError)
