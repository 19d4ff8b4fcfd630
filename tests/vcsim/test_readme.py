# SPDX-License-Identifier: MPL-2.0
"""Tests that README.md documents every flag, layout, control request, quirk and rule."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from testkit.simulator import PROGRAM

pytestmark = pytest.mark.simulator

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def readme() -> str:
    return (FOLDER / "README.md").read_text()


def test_readme_documents_every_flag_and_layout(readme: str) -> None:
    usage = subprocess.run([PROGRAM, "-h"], capture_output=True, text=True, check=True).stderr
    flags = re.findall(r"^  (-[a-z-]+)", usage, re.MULTILINE)
    (layouts,) = re.findall(r"Layouts: (.*)", usage)
    first_cells = "\n".join(re.findall(r"^\| ([^|]*) \|", readme, re.MULTILINE))

    assert len(flags) == 24
    assert [flag for flag in flags if not re.search(rf"`{flag}[ `]", first_cells)] == []
    assert [layout for layout in layouts.split(", ") if f"`{layout}`" not in first_cells] == []


def test_readme_documents_every_control_request(readme: str) -> None:
    sources = [(FOLDER / name).read_text() for name in ("control.go", "control_quirks.go", "holds.go")]
    paths = re.findall(r'HandleFunc\("GET (/ic[a-z/]*)"', "".join(sources))

    assert len(paths) == 13
    assert [path for path in paths if not re.search(rf"^\| `{path}[?`\[]", readme, re.MULTILINE)] == []


def test_readme_documents_every_quirk(readme: str) -> None:
    (table,) = re.findall(r"^var quirkValues = .*?^}", (FOLDER / "quirks.go").read_text(), re.MULTILINE | re.DOTALL)
    names = re.findall(r'^\t"([a-z-]+)":', table, re.MULTILINE)

    assert len(names) == 16
    assert [name for name in names if f"\n| `{name}` |" not in readme] == []


def test_readme_documents_every_rule(readme: str) -> None:
    sources = "".join((FOLDER / name).read_text() for name in ("refusals.go", "refusals_devices.go"))
    settings = re.findall(r'^\t(?:\{|flagSetting\()"([\w.]+)"', sources, re.MULTILINE)

    names = {name.rpartition(".")[2] for name in settings}

    assert {"firmware", "diskUuidEnabled", "diskMode", "sharedBus"} < names
    refusals = readme[readme.index("## Changes that a running VM refuses") : readme.index("## Differences from vcsim")]
    assert sorted(name for name in names if name not in refusals) == []
