# SPDX-License-Identifier: MPL-2.0
"""The version option, and reports of missing packages."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instant_clone.cli import app, main

PROJECT = Path(__file__).resolve().parents[3]


def test_version_option_prints_the_package_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"{project['name']} {project['version']}\n")


def test_changelog_has_the_version() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    headings = [line for line in (PROJECT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]

    assert headings[0] == "## [Unreleased]"
    assert headings[1].startswith(f"## [{version}] - 20")


@pytest.mark.parametrize("program", ["instant-clone", "/opt/venv/bin/instant-clone"])
def test_reports_a_missing_package_without_a_traceback(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Python treats a module that is None as a missing one.
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.setattr(sys, "argv", [program, "provider", "install", "--version", "2.16.1"])

    with pytest.raises(SystemExit) as ended:
        main()

    # Python prints the text and exits with code 1.
    assert ended.value.code == (
        "instant-clone provider install: the package grpcio is missing. Install instant-clone-fleet[plugin]."
    )
    assert capsys.readouterr().err == ""


def test_raises_an_error_for_a_missing_module_of_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tempfile", None)

    result = CliRunner().invoke(app, ["provider", "install"])

    assert isinstance(result.exception, ModuleNotFoundError)
