# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import os
import pwd
import stat
import subprocess
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
from tests.another_user import as_another_user, public_folder

__all__ = ["public_folder"]

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
    assert made.problems() == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_other_users_can_read_all_files_except_the_key_with_any_umask(
    make_stock: MakeStock, plugins: Path, umask: int
) -> None:
    binary = make_stock()
    before = os.umask(umask)
    try:
        install(binary, plugin_folder=plugins / "new", source=SOURCE)
    finally:
        os.umask(before)

    folders = [plugins, *(path for path in plugins.rglob("*") if path.is_dir())]
    assert {_mode(path) for path in folders} == {"0o755"}
    assert {path.name: _mode(path) for path in plugins.rglob("*") if path.is_file()} == {
        "terraform-provider-vsphere_v2.16.1": "0o755",
        "terraform-provider-vsphere_v2.16.1_x5": "0o755",
        "interpreter": "0o644",
        "certificate.pem": "0o644",
        "key.pem": "0o600",
    }


def test_plugin_uses_a_new_certificate_if_the_user_cannot_read_the_key(
    make_stock: MakeStock, public_folder: Path
) -> None:
    made = install(make_stock(), plugin_folder=public_folder / "plugins", source=SOURCE)
    python = public_folder / "python"
    python.write_text("#!/bin/sh\necho 'Terraform starts this plugin. …' >&2\nexit 1\n")
    python.chmod(0o755)
    (made.home.folder / "interpreter").write_text(f"{python}\n")
    (made.home.folder / "key.pem").chmod(0o000)

    problems, new = as_another_user(lambda: [made.problems(), made.home.certificate().certificate_pem.decode()])

    assert problems == []
    assert new.startswith("-----BEGIN CERTIFICATE-----")
    assert new != (made.home.folder / "certificate.pem").read_text()


def test_reports_a_python_that_the_user_cannot_execute(make_stock: MakeStock, public_folder: Path) -> None:
    made = install(make_stock(), plugin_folder=public_folder / "plugins", source=SOURCE)
    private = public_folder / "private"
    private.mkdir(mode=0o000)
    (made.home.folder / "interpreter").write_text(f"{private}/python\n")

    problems, launched = as_another_user(lambda: [made.problems(), _run(made.launcher)])

    assert problems == [f"{private}/python: the Python of the installation is missing or not executable."]
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    assert launched == (f"instant-clone: {user} cannot execute {private}/python. Run 'instant-clone provider info'.\n")


def test_problems_reports_a_home_that_the_user_cannot_read(make_stock: MakeStock, public_folder: Path) -> None:
    """Releases before 0.2 created the home with the mode 700."""
    plugins = public_folder / "plugins"
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    made.home.folder.chmod(0o000)

    def look() -> list[list[str]]:
        return [found.problems() for found in installations(plugins, source=SOURCE)]

    assert as_another_user(look) == [
        [
            f"{made.home.folder}/interpreter cannot be read: Permission denied.",
            f"{made.home.folder} cannot be read: Permission denied.",
        ]
    ]


def test_installations_reports_a_folder_that_the_user_cannot_read(make_stock: MakeStock, public_folder: Path) -> None:
    plugins = public_folder / "plugins"
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    made.folder.parent.chmod(0o000)

    def look() -> str:
        try:
            return str(list(installations(plugins, source=SOURCE)))
        except InstallError as failure:
            return str(failure)

    assert as_another_user(look) == f"{made.folder.parent}: Permission denied. Choose another folder with --plugin-dir."


def test_cure_names_the_owner_if_the_user_cannot_install(make_stock: MakeStock, public_folder: Path) -> None:
    made = install(make_stock(), plugin_folder=public_folder / "plugins", source=SOURCE)
    assert made.cure() == "Run 'instant-clone provider install'."
    made.folder.parent.chmod(0o555)

    owner = pwd.getpwuid(os.geteuid()).pw_name
    assert as_another_user(made.cure) == (
        f"Run 'instant-clone provider install' as {owner}, with a Python that all users can execute."
    )


def test_reports_a_folder_that_the_user_cannot_write(make_stock: MakeStock, public_folder: Path) -> None:
    binary = make_stock()
    shared = public_folder / binary.name
    shared.write_text(SOUND)
    (public_folder / "plugins").mkdir(mode=0o555)

    def attempt() -> str:
        try:
            return str(install(shared, plugin_folder=public_folder / "plugins", source=SOURCE))
        except InstallError as failure:
            return str(failure)

    assert as_another_user(attempt) == (
        f"{public_folder}/plugins/instantclone.internal: Permission denied. "
        "Set HOME or --plugin-dir to a folder that you can write."
    )


def _run(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'Traceback' >&2; echo 'No module named instant_clone' >&2; exit 1", "No module named instant_clone."),
        ("exit 3", "exit code 3."),
    ],
)
def test_problems_reports_a_plugin_that_does_not_start(
    make_stock: MakeStock, plugins: Path, tmp_path: Path, script: str, problem: str
) -> None:
    made = install(make_stock(), plugin_folder=plugins, source=SOURCE)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    (made.home.folder / "interpreter").write_text(f"{python}\n")

    assert made.problems() == [f"{made.launcher} does not start: {problem}"]


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
        f"{made.launcher}: the launcher is from another version of instant-clone.",
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
        f"{made.launcher}: the launcher cannot be read: No such file or directory.",
        f"{home}/interpreter cannot be read: No such file or directory.",
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
