# SPDX-License-Identifier: MPL-2.0
"""The installation of the plugin in Terraform's local plugin folder.

PLUGINS/instantclone.internal/fleet/vsphere/2.16.1/
    linux_amd64/terraform-provider-vsphere_v2.16.1   the launcher, Terraform's provider package
    instant-clone/                                   the home: files that are specific to this machine
        interpreter                                  path of the Python interpreter that has this project
        terraform-provider-vsphere_v2.16.1_x5        the stock provider
        key.pem, certificate.pem                     for the connection with Terraform

All users of the machine can use an installation, whatever the umask is. Only its owner can read key.pem.
"""

from __future__ import annotations

import errno
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
from instant_clone.plugin.install.launcher_start import start_problem
from instant_clone.plugin.install.package import HOME_FOLDER, LAUNCHER, launcher_name, platform_name
from instant_clone.plugin.wire.upstream_process import StockProcess
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["Home", "Installation", "install", "installations", "stock_version", "uninstall"]

_STOCK_NAME = re.compile(r"terraform-provider-vsphere_v(\d+\.\d+\.\d+)(_x5)?")
_CURE = "Run 'instant-clone provider install'."


@dataclass(frozen=True)
class Home:
    """The folder `instant-clone` of an installation. It holds the files that are specific to this machine."""

    folder: Path

    @property
    def stock_binary(self) -> Path:
        """The path of the stock provider.

        Raises:
            InstallError: the folder cannot be read, or does not contain exactly one stock provider.
        """
        try:
            found = [path for path in self.folder.iterdir() if _STOCK_NAME.fullmatch(path.name)]
        except OSError as failure:
            raise InstallError(Finding("", f"{self.folder} cannot be read: {failure.strerror}.", _CURE)) from None
        if len(found) != 1:
            what = f"{self.folder}: found {len(found)} stock vSphere providers, expected one."
            raise InstallError(Finding("", what, _CURE))
        return found[0]

    @property
    def version(self) -> ProviderVersion:
        """The release of the stock provider."""
        return stock_version(self.stock_binary)

    @property
    def interpreter(self) -> Path:
        """The path of the Python that runs the plugin."""
        return Path(os.fsdecode((self.folder / "interpreter").read_bytes().rstrip(b"\n")))

    def certificate(self) -> Certificate:
        """Return the certificate that the installation made, or a new one if another user owns the key.

        A new certificate doubles the time of the plugin's start. It does not weaken the connection, because the plugin
        sends its certificate to Terraform at each start.

        Raises:
            InstallError: a file cannot be read.
        """
        try:
            return Certificate((self.folder / "key.pem").read_bytes(), (self.folder / "certificate.pem").read_bytes())
        except PermissionError:
            return make_certificate()
        except OSError as failure:
            what = f"{failure.filename} cannot be read: {failure.strerror}."
            raise InstallError(Finding("", what, _CURE)) from None


@dataclass(frozen=True)
class Installation:
    """An installed plugin for one release of the stock provider."""

    folder: Path
    """For example PLUGINS/instantclone.internal/fleet/vsphere/2.16.1."""

    @property
    def home(self) -> Home:
        """The folder with the files that are specific to this machine."""
        return Home(self.folder / HOME_FOLDER)

    @property
    def version(self) -> ProviderVersion:
        """The release of the stock provider in the name of the folder."""
        return ProviderVersion(self.folder.name)

    @property
    def launcher(self) -> Path:
        """The path of the launcher."""
        return self.folder / platform_name() / launcher_name(self.version)

    def problems(self) -> list[str]:
        """Return one sentence for each problem that the user of this process has with the installation.

        If the files have no problem, the method starts the plugin as a test. `cure` returns the action for the user.
        """
        found = []
        try:
            if self.launcher.read_bytes() != LAUNCHER:
                found.append(f"{self.launcher}: the launcher is from another version of instant-clone.")
        except OSError as failure:
            found.append(f"{self.launcher}: the launcher cannot be read: {failure.strerror}.")
        try:
            interpreter = self.home.interpreter
            if not os.access(interpreter, os.X_OK):
                found.append(f"{interpreter}: the Python of the installation is missing or not executable.")
        except OSError as failure:
            found.append(f"{self.home.folder / 'interpreter'} cannot be read: {failure.strerror}.")
        try:
            self.home.certificate()
            self.home.stock_binary  # noqa: B018 - raises InstallError
        except InstallError as failure:
            found.extend(finding.what for finding in failure.findings)
        if not found and (problem := start_problem(self.launcher)):
            found.append(problem)
        return found

    def cure(self) -> str:
        """Return the action that fixes the problems."""
        if os.access(self.folder.parent, os.W_OK):
            return _CURE
        try:
            owner = self.folder.owner()
        except (OSError, KeyError):  # KeyError: the owner has no user name
            owner = "its owner"
        return f"{_CURE[:-1]} as {owner}, with a Python that all users can execute."


def stock_version(binary: Path) -> ProviderVersion:
    """Return the release in the file name of a stock provider.

    Raises:
        InstallError: the name does not contain a release.
    """
    match = _STOCK_NAME.fullmatch(binary.name)
    if match is None:
        raise InstallError(
            f"{binary.name}: the file name does not contain a release of the vSphere provider. Use the original file "
            "name, such as terraform-provider-vsphere_v2.16.1_x5."
        )
    return ProviderVersion(match[1])


def install(stock_binary: Path, *, plugin_folder: Path, source: str) -> Installation:
    """Install the plugin with a copy of `stock_binary`, and return the installation.

    The new installation replaces an earlier one of the same release. A failure leaves no incomplete installation.

    Args:
        stock_binary: the stock provider. Its file name must contain the release.
        plugin_folder: Terraform's local plugin folder.
        source: the provider's address, such as "instantclone.internal/fleet/vsphere".

    Raises:
        InstallError: the system is not supported, `stock_binary` is not a usable stock provider, or a file cannot be
            written.
    """
    platform = platform_name()
    if not stock_binary.is_file():
        raise InstallError(
            f"{stock_binary}: no such file. Set --stock-binary to the binary of the stock vSphere provider."
        )
    version = stock_version(stock_binary)
    _check_stock(stock_binary)
    target = plugin_folder.joinpath(*source.split("/"), str(version))
    try:
        _make_folders(target.parent)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=target.parent) as temporary:
            prepared = Path(temporary) / target.name
            _fill(prepared, platform, stock_binary, version)
            if target.exists():
                target.rename(Path(temporary) / "replaced")
            prepared.rename(target)
    except OSError as failure:
        denied = failure.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        cure = "Set HOME or --plugin-dir to a folder that you can write." if denied else ""
        raise InstallError(Finding(f"{failure.filename or target}", f"{failure.strerror}.", cure)) from None
    return Installation(target)


def _make_folders(folder: Path) -> None:
    """Create a folder and its missing parents. All users can read them, whatever the umask is."""
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        path.chmod(0o755)


def _fill(folder: Path, platform: str, stock_binary: Path, version: ProviderVersion) -> None:
    package, home = folder / platform, folder / HOME_FOLDER
    for each in (folder, package, home):
        each.mkdir()
        each.chmod(0o755)
    launcher = package / launcher_name(version)
    launcher.write_bytes(LAUNCHER)
    launcher.chmod(0o755)
    shutil.copyfile(stock_binary, home / stock_binary.name)
    (home / stock_binary.name).chmod(0o755)
    # Do not resolve the link of a virtual environment's python: the target does not use the virtual environment.
    (home / "interpreter").write_bytes(os.fsencode(f"{os.path.abspath(sys.executable)}\n"))
    certificate = make_certificate()
    _write_private(home / "key.pem", certificate.key_pem)
    (home / "certificate.pem").write_bytes(certificate.certificate_pem)
    for name in ("interpreter", "certificate.pem"):
        (home / name).chmod(0o644)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _check_stock(binary: Path) -> None:
    """Check that the binary starts on this machine and uses the plugin protocol.

    Raises:
        InstallError: the binary cannot be started or uses another protocol.
    """
    with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
        copy = Path(temporary) / binary.name
        shutil.copyfile(binary, copy)
        copy.chmod(0o700)
        with StockProcess(copy, folder=Path(temporary), environment=os.environ, quiet=True) as process:
            process.address()


def installations(plugin_folder: Path, *, source: str) -> Iterator[Installation]:
    """Yield the installations for the provider address `source`, oldest release first.

    Raises:
        InstallError: the folder of the installations cannot be read.
    """
    folder = plugin_folder.joinpath(*source.split("/"))
    try:
        entries = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as failure:
        raise InstallError(
            f"{failure.filename}: {failure.strerror}. Choose another folder with --plugin-dir."
        ) from None
    found = [path for path in entries if path.match("[0-9]*.*.*") and _has_home(path)]
    for path in sorted(found, key=lambda path: ProviderVersion(path.name)):
        yield Installation(path)


def _has_home(folder: Path) -> bool:
    try:
        return (folder / HOME_FOLDER).is_dir()
    except PermissionError:
        # Installation.problems reports the error.
        return True


def uninstall(installation: Installation, *, plugin_folder: Path) -> None:
    """Remove an installation, and then its empty parent folders below the plugin folder.

    Raises:
        InstallError: a file or folder cannot be removed.
    """
    try:
        shutil.rmtree(installation.folder)
        for parent in installation.folder.parents:
            if parent == plugin_folder or any(parent.iterdir()):
                break
            parent.rmdir()
    except OSError as failure:
        raise InstallError(f"{failure.filename}: {failure.strerror}.") from None
