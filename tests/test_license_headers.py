# SPDX-License-Identifier: MPL-2.0
"""Tests of the license header of each source file (SPDX specification, annex on short identifiers)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
HEADER = "SPDX-License-Identifier: MPL-2.0"
MARKS = {".py": "#", ".pyi": "#", ".sh": "#", ".go": "//"}
# Generated or third-party files.
SKIPPED_FOLDERS = {"__pycache__", "build", "cdktf.out", "dist", "node_modules", "state"}


def has_header(path: Path) -> bool:
    """Return whether the header is the first line, or the second line after a shebang."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if lines and lines[0].startswith("#!"):
        del lines[0]
    return lines[:1] == [f"{MARKS[path.suffix]} {HEADER}"]


def source_files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")]
        yield from (Path(parent, name) for name in files if Path(name).suffix in MARKS)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.py", '# SPDX-License-Identifier: MPL-2.0\n"""A module."""\n', True),
        ("a.sh", "#!/bin/sh\n# SPDX-License-Identifier: MPL-2.0\n", True),
        ("a.go", "// SPDX-License-Identifier: MPL-2.0\n\npackage main\n", True),
        ("a.go", "# SPDX-License-Identifier: MPL-2.0\n", False),
        ("a.py", '"""A module."""\n# SPDX-License-Identifier: MPL-2.0\n', False),
        ("a.py", "# SPDX-License-Identifier: Apache-2.0\n", False),
        ("a.py", "", False),
    ],
)
def test_recognizes_headers(name: str, text: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert has_header(tmp_path / name) is expected


def test_each_source_file_has_the_header() -> None:
    files = list(source_files(PROJECT))
    assert {".go", ".py"} <= {path.suffix for path in files}
    assert [str(path.relative_to(PROJECT)) for path in files if not has_header(path)] == []
