# SPDX-License-Identifier: MPL-2.0
"""Wheels of this project, and virtual environments to install them in, without an index.

Only the `constructs` library is copied into such an environment, beside what is installed there. The other packages
stay where they are: a folder of links makes them importable, and pip finds them installed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from testkit.workspace import PROJECT

__all__ = ["LIBRARY", "FreshEnvironment", "build_sdist", "build_wheel", "copy_library", "hashes", "pip"]

LIBRARY = "constructs"
_OURS = "instant-clone-fleet"


def pip(*arguments: object, python: Path = Path(sys.executable)) -> str:
    """Run pip for the environment of `python` and return its output. No index and no configuration is used.

    Raises:
        AssertionError: pip fails.
    """
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--isolated",
            "--disable-pip-version-check",
            "--python",
            python,
            *map(str, arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def build_wheel(project: Path, into: Path) -> Path:
    """Build the wheel of a source tree with the backend that its pyproject.toml names, in exactly that version."""
    pip("wheel", "--no-build-isolation", "--check-build-dependencies", "--no-deps", "--no-index", "-w", into, project)
    (built,) = into.glob("*.whl")
    return built


def build_sdist(into: Path) -> Path:
    """Build the source distribution of this project."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", into],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    (built,) = into.glob("*.tar.gz")
    return built


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below `folder`, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True)
class FreshEnvironment:
    """A virtual environment with the packages of this one, without this project."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, *, without: Collection[str] = ()) -> FreshEnvironment:
        """Create the environment in `folder`, without the distributions that `without` names."""
        venv.create(folder, symlinks=True)
        environment, links = cls(folder), folder / "links"
        links.mkdir()
        (environment.site_packages / "links.pth").write_text(f"{links}\n")
        for each in distributions():
            if _name(each) not in (_OURS, LIBRARY, *without):
                _link(each, links)
        if LIBRARY not in without:
            copy_library(environment.site_packages)
        return environment

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        """The `instant-clone` command, once the project is installed."""
        return self.folder / "bin" / "instant-clone"

    @property
    def site_packages(self) -> Path:
        """The folder that pip installs into."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder), "platbase": str(self.folder)}))

    def install(self, wheel: Path, *, extras: str = "") -> None:
        """Install the wheel with these extras, such as "plugin,synth". Their packages must be in the environment."""
        pip("install", "--no-index", f"{wheel}[{extras}]" if extras else wheel, python=self.python)


def _name(installed: Distribution) -> str:
    name: str = installed.metadata["Name"]
    return name.lower().replace("_", "-")


def _top_level(installed: Distribution) -> set[str]:
    return {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}


def _link(installed: Distribution, links: Path) -> None:
    for name in _top_level(installed):
        link = links / name
        # An editable install is a .pth file, and two distributions may share a folder.
        if not name.endswith(".pth") and not link.is_symlink():
            link.symlink_to(Path(str(installed.locate_file(name))).resolve())


def copy_library(site_packages: Path) -> None:
    """Copy the constructs library into a folder such as the one of `pip install --target`, without bytecode."""
    library = distribution(LIBRARY)
    for name in _top_level(library):
        source = Path(str(library.locate_file(name)))
        shutil.copytree(source, site_packages / name, ignore=shutil.ignore_patterns("__pycache__"))
