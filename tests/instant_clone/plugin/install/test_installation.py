# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instant_clone.errors import InstallError
from instant_clone.plugin.install import installation as module
from instant_clone.plugin.install.certificate import Certificate
from instant_clone.plugin.install.installation import Installation, install, installations, stock_version, uninstall
from instant_clone.plugin.install.package import LAUNCHER, platform_name
from instant_clone.plugin.wire import upstream_process as stock
from instant_clone.stock_provider.releases import ProviderVersion

SOURCE = "instantclone.internal/fleet/vsphere"
NAME = "terraform-provider-vsphere_v2.16.1_x5"
# Prints a handshake of the plugin protocol. `install` checks nothing else.
SOUND = "#!/bin/sh\necho '1|5|unix|/nowhere|grpc|'\nexec sleep 600\n"

MakeStock = Callable[..., Path]


@pytest.fixture
def make_stock(tmp_path: Path) -> MakeStock:
    def make(name: str = NAME, content: str = SOUND) -> Path:
        path = tmp_path / "downloads" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path

    return make


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return tmp_path / "plugins"


def _mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_install_writes_files_with_the_right_modes(make_stock: MakeStock, plugins: Path) -> None:
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)

    folder, package = plugins / "instantclone.internal" / "fleet" / "vsphere" / "2.16.1", platform_name()
    assert made == Installation(folder)
    assert _files(plugins) == [
        f"{folder.relative_to(plugins)}/{name}"
        for name in (
            "instant-clone/certificate.pem",
            "instant-clone/interpreter",
            "instant-clone/key.pem",
            "instant-clone/terraform-provider-vsphere_v2.16.1_x5",
            f"{package}/terraform-provider-vsphere_v2.16.1",
        )
    ]
    assert made.launcher == folder / package / "terraform-provider-vsphere_v2.16.1"
    assert made.launcher.read_bytes() == LAUNCHER
    assert made.home.interpreter == Path(os.path.abspath(sys.executable))
    assert made.home.stock_binary.read_text() == SOUND
    assert (str(made.version), str(made.home.version)) == ("2.16.1", "2.16.1")
    assert [_mode(path) for path in (made.home.folder, made.home.folder / "key.pem")] == ["0o700", "0o600"]
    assert [_mode(path) for path in (made.launcher, made.home.stock_binary)] == ["0o755", "0o755"]
    assert made.problems() == []


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_key_is_private_with_every_umask(make_stock: MakeStock, plugins: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    finally:
        os.umask(before)

    assert [_mode(path) for path in (made.home.folder, made.home.folder / "key.pem")] == ["0o700", "0o600"]
    assert _mode(made.launcher) == "0o755"


def test_install_replaces_an_earlier_installation(make_stock: MakeStock, plugins: Path) -> None:
    first = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    key = first.home.certificate().key_pem
    (first.home.folder / "terraform-provider-vsphere_v2.16.1").write_text("a second stock provider")
    assert len(first.problems()) == 1

    second = install(make_stock(), plugin_folder=plugins, source=SOURCE)

    assert second == first
    assert second.problems() == []
    assert second.home.certificate().key_pem != key
    assert [path.name for path in second.folder.parent.iterdir()] == ["2.16.1"]


def test_installations_returns_all_releases_oldest_first(make_stock: MakeStock, plugins: Path) -> None:
    for name in ("terraform-provider-vsphere_v2.16.1", "terraform-provider-vsphere_v2.9.3_x5"):
        install(make_stock(name), plugin_folder=plugins, source=SOURCE)
    (plugins / SOURCE / "2.10.0").mkdir()  # a package of another provider

    assert [str(found.version) for found in installations(plugins, source=SOURCE)] == ["2.9.3", "2.16.1"]
    assert list(installations(plugins, source="example.com/other/vsphere")) == []
    assert list(installations(plugins / "nowhere", source=SOURCE)) == []


def test_a_failed_installation_leaves_the_earlier_one_unchanged(
    make_stock: MakeStock, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    key = first.home.certificate().key_pem
    seen: list[Installation | None] = []

    def fail_late() -> Certificate:
        seen.extend(installations(plugins, source=SOURCE))
        seen.append(Installation(first.folder) if first.problems() == [] else None)
        raise OSError(28, "No space left on device", "certificate.pem")

    monkeypatch.setattr(module, "make_certificate", fail_late)

    with pytest.raises(InstallError, match=r"^certificate\.pem: No space left on device\.$"):
        install(make_stock(), plugin_folder=plugins, source=SOURCE)

    assert seen == [first, first]
    assert first.home.certificate().key_pem == key
    assert [path.name for path in first.folder.parent.iterdir()] == ["2.16.1"]


def test_reports_a_folder_that_cannot_be_created(make_stock: MakeStock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InstallError, match=r"file/.*: Not a directory\.$"):
        install(make_stock(), plugin_folder=tmp_path / "file", source=SOURCE)


def _refusal(stock_binary: Path, plugins: Path) -> str:
    with pytest.raises(InstallError) as caught:
        install(stock_binary, plugin_folder=plugins, source=SOURCE)
    assert not plugins.exists()
    return str(caught.value)


def test_rejects_a_missing_binary(tmp_path: Path, plugins: Path) -> None:
    missing = tmp_path / NAME

    assert (
        _refusal(missing, plugins)
        == f"{missing}: no such file. Set --stock-binary to the binary of the stock vSphere provider."
    )


@pytest.mark.parametrize("name", ["vsphere", "terraform-provider-vsphere", "terraform-provider-vsphere_v2.16", "x.zip"])
def test_rejects_a_file_name_without_a_release(make_stock: MakeStock, plugins: Path, name: str) -> None:
    assert _refusal(make_stock(name), plugins) == (
        f"{name}: the file name does not contain a release of the vSphere provider. Use the original file name, such "
        "as terraform-provider-vsphere_v2.16.1_x5."
    )


def test_rejects_a_binary_of_another_platform(make_stock: MakeStock, plugins: Path) -> None:
    assert _refusal(make_stock(content="MZ\0\0 not for here"), plugins).endswith(
        f"{NAME} cannot be started: Exec format error."
    )


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("#!/bin/sh\necho hello\nexec sleep 600\n", "hello"),
        ("#!/bin/sh\necho '1|6|unix|/nowhere|grpc|'\nexec sleep 600\n", "1|6|unix|/nowhere|grpc|"),
        ("#!/bin/sh\necho '1|5|unix|/nowhere|netrpc|'\nexec sleep 600\n", "1|5|unix|/nowhere|netrpc|"),
        ("#!/bin/sh\nexit 1\n", ""),
    ],
    ids=["rubbish", "protocol", "transport", "nothing"],
)
def test_rejects_a_binary_with_another_protocol(make_stock: MakeStock, plugins: Path, script: str, output: str) -> None:
    assert _refusal(make_stock(content=script), plugins) == (
        f"The stock vSphere provider is not a Terraform plugin of protocol 5: its first line of output is {output!r}. "
        "Install another binary with 'instant-clone provider install'."
    )


def test_rejects_a_binary_that_does_not_answer(
    make_stock: MakeStock, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "_HANDSHAKE_SECONDS", 0)

    assert _refusal(make_stock(content="#!/bin/sh\nexec sleep 600\n"), plugins) == (
        "The stock vSphere provider did not answer in 0 seconds. Try again, or install another binary with "
        "'instant-clone provider install'."
    )


def test_rejects_windows(make_stock: MakeStock, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = make_stock()
    monkeypatch.setattr(sys, "platform", "win32")

    assert "needs a Unix socket between Terraform and the plugin" in _refusal(binary, plugins)


def test_stock_version_returns_the_release_in_the_file_name() -> None:
    assert stock_version(Path("terraform-provider-vsphere_v2.0.2_x5")) == ProviderVersion("2.0.2")
    assert stock_version(Path("terraform-provider-vsphere_v2.16.1")) == ProviderVersion("2.16.1")


def test_problems_reports_all_damaged_files(make_stock: MakeStock, plugins: Path) -> None:
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    home = made.home.folder
    made.launcher.write_bytes(b"#!/bin/sh\n")
    (home / "interpreter").write_text("/nowhere/python\n")
    (home / "key.pem").unlink()

    assert made.problems() == [
        f"{made.launcher}: the launcher is missing or from another version of instant-clone.",
        "/nowhere/python: the Python of the installation is missing or not executable.",
        f"{home}/key.pem cannot be read: No such file or directory.",
    ]


def test_problems_reports_all_missing_files(make_stock: MakeStock, plugins: Path) -> None:
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    home = made.home.folder
    made.launcher.unlink()
    (home / "interpreter").unlink()
    made.home.stock_binary.unlink()

    assert made.problems() == [
        f"{made.launcher}: the launcher is missing or from another version of instant-clone.",
        f"{home}/interpreter cannot be read.",
        f"{home}: found 0 stock vSphere providers, expected one.",
    ]


def test_errors_of_a_damaged_home_name_the_command_to_run(make_stock: MakeStock, plugins: Path) -> None:
    home = install(make_stock(), plugin_folder=plugins, source=SOURCE).home
    home.stock_binary.unlink()
    (home.folder / "certificate.pem").unlink()

    for ask, what in (
        (lambda: home.stock_binary, f"{home.folder}: found 0 stock vSphere providers, expected one."),
        (home.certificate, f"{home.folder}/certificate.pem cannot be read: No such file or directory."),
    ):
        with pytest.raises(InstallError) as caught:
            ask()
        assert str(caught.value) == f"{what} Run 'instant-clone provider install'."


def test_uninstall_removes_empty_folders(make_stock: MakeStock, plugins: Path) -> None:
    older = install(make_stock("terraform-provider-vsphere_v2.0.2_x5"), plugin_folder=plugins, source=SOURCE)
    newer = install(make_stock(), plugin_folder=plugins, source=SOURCE)

    uninstall(older, plugin_folder=plugins)
    assert list(installations(plugins, source=SOURCE)) == [newer]
    uninstall(newer, plugin_folder=plugins)

    assert list(plugins.iterdir()) == []


def test_uninstall_keeps_other_providers(make_stock: MakeStock, plugins: Path) -> None:
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    other = plugins / "instantclone.internal" / "other"
    other.mkdir()

    uninstall(made, plugin_folder=plugins)

    assert sorted(plugins.rglob("*")) == [plugins / "instantclone.internal", other]


def test_uninstall_rejects_a_missing_installation(plugins: Path) -> None:
    missing = Installation(plugins / SOURCE / "2.16.1")

    with pytest.raises(InstallError, match=r"2\.16\.1: No such file or directory\.$"):
        uninstall(missing, plugin_folder=plugins)
