# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from instant_clone.errors import InstallError
from instant_clone.plugin.install.lock_file import lock_file_text, write_lock_file
from instant_clone.plugin.install.package import LAUNCHER, launcher_name, package_hash, platform_name
from instant_clone.stock_provider.releases import ProviderVersion

NEWEST = ProviderVersion("2.16.1")
HASH = "h1:mUgs5UI0zO72Epi/hEm+mbUqbDwu2zf1dMrYtYw1rYk="


def test_launcher_name_contains_the_release() -> None:
    assert launcher_name(NEWEST) == "terraform-provider-vsphere_v2.16.1"


def test_package_hash_matches_existing_lock_files() -> None:
    """A change of the launcher invalidates the lock file of every stack. Such a change needs a changelog entry."""
    assert package_hash(NEWEST) == HASH


def test_each_release_has_a_different_hash() -> None:
    assert package_hash(ProviderVersion("2.15.0")) != HASH


def test_launcher_is_valid_shell_without_data_of_this_machine() -> None:
    checked = subprocess.run(["/bin/sh", "-n"], input=LAUNCHER, capture_output=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, b"")
    assert LAUNCHER.startswith(b"#!/bin/sh\n")
    assert sys.prefix.encode() not in LAUNCHER
    assert b"\r" not in LAUNCHER


def _installed(folder: Path, interpreter: Path | None) -> Path:
    """Write the launcher into a package folder, with a home next to that folder, and return its path."""
    package = folder / "linux_amd64"
    package.mkdir(parents=True)
    launcher = package / launcher_name(NEWEST)
    launcher.write_bytes(LAUNCHER)
    launcher.chmod(0o755)
    if interpreter is not None:
        (folder / "instant-clone").mkdir()
        (folder / "instant-clone" / "interpreter").write_text(f"{interpreter}\n")
    return launcher


@pytest.mark.parametrize("folder", ["plain", "with blank", "with\ttab and 'quote'"])
@pytest.mark.parametrize("linked", [False, True], ids=["copied", "linked"])
def test_launcher_starts_the_interpreter_with_the_home(tmp_path: Path, folder: str, linked: bool) -> None:
    """Terraform starts the launcher through a symbolic link to its folder."""
    interpreter = tmp_path / "inter preter"
    interpreter.write_text('#!/bin/sh\nfor argument; do echo "$argument"; done\necho "$$"\n')
    interpreter.chmod(0o755)
    launcher = _installed(tmp_path / folder, interpreter)
    if linked:
        link = tmp_path / "stack" / "linked"
        link.parent.mkdir()
        link.symlink_to(launcher.parent)
        launcher = link / launcher.name

    process = subprocess.Popen([launcher], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    output, _ = process.communicate(timeout=120)

    home = tmp_path / folder / "instant-clone"
    assert output.splitlines() == ["-I", "-m", "instant_clone.plugin", str(home), str(process.pid)]


def test_launcher_reports_a_missing_home(tmp_path: Path) -> None:
    done = subprocess.run([_installed(tmp_path, None)], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == (
        f"instant-clone: {tmp_path}/instant-clone is missing. Run 'instant-clone provider install', then "
        "'terraform init'.\n"
    )


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("linux", "x86_64", "linux_amd64"),
        ("linux", "aarch64", "linux_arm64"),
        ("darwin", "arm64", "darwin_arm64"),
        ("freebsd14", "amd64", "freebsd_amd64"),
        ("linux", "i686", "linux_386"),
        ("linux", "riscv64", "linux_riscv64"),
    ],
)
def test_platform_name_returns_terraforms_name(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert platform_name() == expected


def test_platform_name_rejects_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(platform, "system", lambda: "Windows")

    with pytest.raises(InstallError) as caught:
        platform_name()

    assert str(caught.value) == (
        "The provider plugin does not run on Windows: it needs a Unix socket between Terraform and the plugin. Use "
        "Linux or macOS. On Windows, use the Windows Subsystem for Linux."
    )


LOCK_FILE = f"""\
# Written at synth. Terraform checks the provider package against this file.

provider "instantclone.internal/fleet/vsphere" {{
  version     = "2.16.1"
  constraints = "2.16.1"
  hashes = [
    "{HASH}",
  ]
}}
"""


def test_lock_file_has_terraforms_format(tmp_path: Path) -> None:
    source = "instantclone.internal/fleet/vsphere"

    write_lock_file(tmp_path, source=source, version=NEWEST)

    assert [path.name for path in tmp_path.iterdir()] == [".terraform.lock.hcl"]
    assert (tmp_path / ".terraform.lock.hcl").read_text() == LOCK_FILE
    assert lock_file_text(source=source, version=NEWEST) == LOCK_FILE
