# SPDX-License-Identifier: MPL-2.0
"""Tests of the contents of the wheel and the source distribution."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from testkit.wheels import build_sdist, build_wheel
from testkit.workspace import PROJECT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(PROJECT, tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_contains_one_package(wheel: Path) -> None:
    files = contents(wheel)

    assert {name.partition("/")[0] for name in files} == {"instant_clone", "instant_clone_fleet-0.1.0.dist-info"}
    assert "instant_clone/py.typed" in files
    sources = {
        f"instant_clone/{path.relative_to(PROJECT / 'instant_clone')}": path.read_bytes()
        for path in (PROJECT / "instant_clone").rglob("*")
        if path.suffix in (".py", ".pyi", ".typed")
    }
    # constructs/ has no __init__.py, because it would hide the library in a checkout.
    sources |= {
        f"instant_clone/constructs/{path.name}": path.read_bytes() for path in (PROJECT / "constructs").glob("*.py")
    }
    assert {name: content for name, content in files.items() if not name.startswith("instant_clone_fleet")} == sources


def test_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build_sdist(tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()

    rebuilt = build_wheel(source, tmp_path / "wheel")

    assert contents(rebuilt) == contents(wheel)
    assert sorted(path.name for path in source.iterdir()) == [
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "constructs",
        "instant_clone",
        "pyproject.toml",
    ]
