# SPDX-License-Identifier: MPL-2.0
"""Build wheels of this project, and create virtual environments in which to install them without a package index.

Only the `constructs` library is copied into the environment. The other packages are symbolic links in a separate
folder, so that Python can import them and pip considers them installed.
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
_PROJECT_NAME = "instant-clone-fleet"


def pip(*arguments: object, python: Path = Path(sys.executable)) -> str:
    """Run pip for the environment of `python`, without an index or a configuration file, and return its output.

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
    """Build the wheel of a source tree, and return its path.

    The build uses exactly the backend version that pyproject.toml requires.
    """
    pip("wheel", "--no-build-isolation", "--check-build-dependencies", "--no-deps", "--no-index", "-w", into, project)
    (built,) = into.glob("*.whl")
    return built


def build_sdist(into: Path) -> Path:
    """Build the source distribution of this project, and return its path."""
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
    """Return the SHA-256 of each file below `folder`, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True)
class FreshEnvironment:
    """A virtual environment with the packages of the current environment, except this project."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, *, without: Collection[str] = ()) -> FreshEnvironment:
        """Create the environment in `folder`, without the distributions in `without`."""
        venv.create(folder, symlinks=True)
        environment, links = cls(folder), folder / "links"
        links.mkdir()
        (environment.site_packages / "links.pth").write_text(f"{links}\n")
        for each in distributions():
            if _name(each) not in (_PROJECT_NAME, LIBRARY, *without):
                _link(each, links)
        if LIBRARY not in without:
            copy_library(environment.site_packages)
        return environment

    @property
    def python(self) -> Path:
        """Return the path of the interpreter."""
        return self.folder / "bin" / "python"

    @property
    def command(self) -> Path:
        """Return the path of the `instant-clone` command, which exists after install()."""
        return self.folder / "bin" / "instant-clone"

    @property
    def site_packages(self) -> Path:
        """Return the folder into which pip installs packages."""
        return Path(sysconfig.get_path("purelib", "venv", {"base": str(self.folder), "platbase": str(self.folder)}))

    def install(self, wheel: Path, *, extras: str = "") -> None:
        """Install the wheel with extras such as "plugin,synth". The environment must already have their packages."""
        pip("install", "--no-index", f"{wheel}[{extras}]" if extras else wheel, python=self.python)


def _name(installed: Distribution) -> str:
    name: str = installed.metadata["Name"]
    return name.lower().replace("_", "-")


def _top_level(installed: Distribution) -> set[str]:
    return {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}


def _link(installed: Distribution, links: Path) -> None:
    for name in _top_level(installed):
        link = links / name
        # An editable install has a .pth file instead of a package, and two distributions can share a folder.
        if not name.endswith(".pth") and not link.is_symlink():
            link.symlink_to(Path(str(installed.locate_file(name))).resolve())


def copy_library(site_packages: Path) -> None:
    """Copy the constructs library, without bytecode, into a folder such as the target of `pip install --target`."""
    library = distribution(LIBRARY)
    for name in _top_level(library):
        source = Path(str(library.locate_file(name)))
        shutil.copytree(source, site_packages / name, ignore=shutil.ignore_patterns("__pycache__"))
