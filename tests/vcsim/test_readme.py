"""That README.md tells of every flag, layout and request under /ic."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.simulator import PROGRAM

pytestmark = pytest.mark.simulator

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def readme() -> str:
    return (FOLDER / "README.md").read_text()


def test_readme_tells_of_every_flag_and_layout(readme: str) -> None:
    usage = subprocess.run([PROGRAM, "-h"], capture_output=True, text=True, check=True).stderr
    flags = re.findall(r"^  (-[a-z-]+)", usage, re.MULTILINE)
    (layouts,) = re.findall(r"Layouts: (.*)", usage)
    first_cells = "\n".join(re.findall(r"^\| ([^|]*) \|", readme, re.MULTILINE))

    assert len(flags) == 19
    assert [flag for flag in flags if not re.search(rf"`{flag}[ `]", first_cells)] == []
    assert [layout for layout in layouts.split(", ") if f"`{layout}`" not in first_cells] == []


def test_readme_tells_of_every_request(readme: str) -> None:
    paths = re.findall(r'HandleFunc\("GET (/ic[a-z/]*)"', (FOLDER / "control.go").read_text())

    assert len(paths) == 6
    assert [path for path in paths if not re.search(rf"^\| `{path}[?`\[]", readme, re.MULTILINE)] == []
