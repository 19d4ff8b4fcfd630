# SPDX-License-Identifier: MPL-2.0
"""Where the plugin is installed, in Terraform's local plugin folder, and what belongs to it.

PLUGINS/instantclone.internal/fleet/vsphere/2.16.1/
    linux_amd64/terraform-provider-vsphere_v2.16.1   the launcher: Terraform's package
    instant-clone/                                   the home: what is of this machine
        interpreter                                  path of the Python that this project is installed in
        terraform-provider-vsphere_v2.16.1_x5        the stock provider
        key.pem, certificate.pem                     of the connection with Terraform
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from instant_clone.errors import Finding, InstallError
from instant_clone.plugin.install.certificate import Certificate, make_certificate
from instant_clone.plugin.install.package import HOME_FOLDER, LAUNCHER, launcher_name, platform_name
from instant_clone.plugin.wire.upstream_process import StockProcess
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["Home", "Installation", "install", "installations", "stock_version", "uninstall"]

_STOCK_NAME = re.compile(r"terraform-provider-vsphere_v(\d+\.\d+\.\d+)(_x5)?")
_CURE = "Run 'instant-clone provider install'."


@dataclass(frozen=True)
class Home:
    """The part of an installation that belongs to the machine."""

    folder: Path

    @property
    def stock_binary(self) -> Path:
        """The stock provider. Raises InstallError if it is missing."""
        found = [path for path in self.folder.glob("terraform-provider-vsphere_v*") if _STOCK_NAME.fullmatch(path.name)]
        if len(found) != 1:
            what = f"{self.folder} holds {len(found)} stock vSphere providers instead of one."
            raise InstallError(Finding("", what, _CURE))
        return found[0]

    @property
    def version(self) -> ProviderVersion:
        """The stock provider's release."""
        return stock_version(self.stock_binary)

    @property
    def interpreter(self) -> Path:
        """The Python that runs the plugin."""
        return Path((self.folder / "interpreter").read_text().rstrip("\n"))

    def certificate(self) -> Certificate:
        """The certificate that was made at the installation."""
        try:
            return Certificate((self.folder / "key.pem").read_bytes(), (self.folder / "certificate.pem").read_bytes())
        except OSError as failure:
            what = f"{failure.filename} cannot be read: {failure.strerror}."
            raise InstallError(Finding("", what, _CURE)) from None


@dataclass(frozen=True)
class Installation:
    """The plugin as it is installed for one release of the stock provider."""

    folder: Path
    """such as PLUGINS/instantclone.internal/fleet/vsphere/2.16.1"""

    @property
    def home(self) -> Home:
        """Its home."""
        return Home(self.folder / HOME_FOLDER)

    @property
    def version(self) -> ProviderVersion:
        """The release that it is installed as."""
        return ProviderVersion(self.folder.name)

    @property
    def launcher(self) -> Path:
        """The launcher."""
        return self.folder / platform_name() / launcher_name(self.version)

    def problems(self) -> list[str]:
        """What is wrong with it: a sentence each. An installation anew mends it."""
        found = []
        if not self.launcher.is_file() or self.launcher.read_bytes() != LAUNCHER:
            found.append(f"{self.launcher} is not the launcher of this version of instant-clone.")
        try:
            interpreter = self.home.interpreter
            if not os.access(interpreter, os.X_OK):
                found.append(f"The Python that it was installed from, {interpreter}, is gone.")
        except OSError:
            found.append(f"{self.home.folder / 'interpreter'} cannot be read.")
        try:
            self.home.certificate()
            self.home.stock_binary  # noqa: B018 - raises
        except InstallError as failure:
            found.extend(finding.what for finding in failure.findings)
        return found


def stock_version(binary: Path) -> ProviderVersion:
    """The release in a stock provider's file name. Raises InstallError if it names none."""
    match = _STOCK_NAME.fullmatch(binary.name)
    if match is None:
        raise InstallError(
            f"{binary.name} does not say which release of the vSphere provider it is. Keep the name that it was "
            "released under, such as terraform-provider-vsphere_v2.16.1_x5."
        )
    return ProviderVersion(match[1])


def install(stock_binary: Path, *, plugin_folder: Path, source: str) -> Installation:
    """Installs the plugin around a copy of `stock_binary`, in place of an earlier installation of that release.

    `source` is the provider's address, such as "instantclone.internal/fleet/vsphere". The installation is complete
    or absent, never half. Raises InstallError.
    """
    platform = platform_name()
    _check_exists(stock_binary)
    version = stock_version(stock_binary)
    _check_stock(stock_binary)
    target = plugin_folder.joinpath(*source.split("/"), str(version))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=target.parent) as temporary:
            prepared = Path(temporary) / target.name
            _fill(prepared, platform, stock_binary, version)
            if target.exists():
                target.rename(Path(temporary) / "replaced")
            prepared.rename(target)
    except OSError as failure:
        raise InstallError(f"{failure.filename or target}: {failure.strerror}.") from None
    return Installation(target)


def _fill(folder: Path, platform: str, stock_binary: Path, version: ProviderVersion) -> None:
    package, home = folder / platform, folder / HOME_FOLDER
    package.mkdir(parents=True)
    home.mkdir(mode=0o700)
    launcher = package / launcher_name(version)
    launcher.write_bytes(LAUNCHER)
    launcher.chmod(0o755)
    shutil.copyfile(stock_binary, home / stock_binary.name)
    (home / stock_binary.name).chmod(0o755)
    # Not resolved: a virtual environment's python is a link, and what it leads to does not know the environment.
    (home / "interpreter").write_text(f"{os.path.abspath(sys.executable)}\n")
    certificate = make_certificate()
    _write_private(home / "key.pem", certificate.key_pem)
    (home / "certificate.pem").write_bytes(certificate.certificate_pem)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _check_exists(binary: Path) -> None:
    if not binary.is_file():
        raise InstallError(f"There is no file {binary}. Name the stock vSphere provider's binary.")


def _check_stock(binary: Path) -> None:
    """Raises InstallError unless the binary starts here and speaks the plugin protocol."""
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
        copy = Path(temporary) / binary.name
        shutil.copyfile(binary, copy)
        copy.chmod(0o700)
        process = StockProcess(copy, folder=Path(temporary), environment=os.environ, quiet=True)
        try:
            process.address()
        finally:
            process.stop()


def installations(plugin_folder: Path, *, source: str) -> Iterator[Installation]:
    """What is installed for that address, oldest release first."""
    folder = plugin_folder.joinpath(*source.split("/"))
    found = [path for path in folder.glob("[0-9]*.*.*") if (path / HOME_FOLDER).is_dir()]
    for path in sorted(found, key=lambda path: ProviderVersion(path.name)):
        yield Installation(path)


def uninstall(installation: Installation, *, plugin_folder: Path) -> None:
    """Removes an installation, and the folders above it that are empty then, up to the plugin folder."""
    try:
        shutil.rmtree(installation.folder)
        for parent in installation.folder.parents:
            if parent == plugin_folder or any(parent.iterdir()):
                break
            parent.rmdir()
    except OSError as failure:
        raise InstallError(f"{failure.filename}: {failure.strerror}.") from None
