# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from instant_clone.cli import app
from instant_clone.errors import FleetFileError, InstallError
from tests.another_user import as_another_user, public_folder

__all__ = ["public_folder"]

STOCK = "#!/bin/sh\necho '1|5|unix|/nowhere|grpc|'\nexec sleep 600\n"
SOURCE = "instantclone.internal/fleet/vsphere"


TERRAFORM = "#!/bin/sh\nif [ -f refusal ]; then cat refusal >&2; exit 1; fi\n"
"""acts as `terraform init`: it prints the file `refusal` of the working folder, or else finds the plugin"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home. No file in it or in the working folder selects a release."""
    terraform = tmp_path / "bin" / "terraform"
    terraform.parent.mkdir()
    terraform.write_text(TERRAFORM)
    terraform.chmod(0o755)
    monkeypatch.setenv("PATH", f"{terraform.parent}:{os.environ['PATH']}")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    for variable in (
        "TF_CLI_CONFIG_FILE",
        "TERRAFORM_BINARY_NAME",
        "INSTANT_CLONE_PROVIDER_VERSION",
        "INSTANT_CLONE_FLEETS",
    ):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    path = tmp_path / "terraform-provider-vsphere_v2.16.1_x5"
    path.write_text(STOCK)
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["provider", *map(str, arguments)])


def test_installs_shows_and_removes_the_plugin(stock: Path, home: Path, tmp_path: Path) -> None:
    plugins = home / ".terraform.d" / "plugins"

    installed = _run("install", "--stock-binary", stock)
    assert (installed.exit_code, installed.output) == (0, f"Installed {SOURCE} 2.16.1 in {plugins}.\n")

    shown = _run("info")
    assert (shown.exit_code, shown.output) == (
        0,
        f"{SOURCE} 2.16.1: ok\n"
        f"  folder  {plugins}/{SOURCE}/2.16.1\n"
        "  stock   terraform-provider-vsphere_v2.16.1_x5\n"
        f"  python  {sys.executable}\n"
        f"  search  {tmp_path}/bin/terraform finds the plugin\n",
    )

    removed = _run("uninstall")
    assert (removed.exit_code, removed.output) == (0, f"Removed {SOURCE} 2.16.1 from {plugins}.\n")
    assert _run("info").exit_code == 1


def test_info_fails_if_terraform_does_not_find_the_plugin(stock: Path, home: Path, tmp_path: Path) -> None:
    _run("install", "--stock-binary", stock)
    (tmp_path / "refusal").write_text("\nError: Failed to query available provider packages\n\nnot\nfound\n")
    plugins = home / ".terraform.d" / "plugins"

    shown = _run("info")

    assert (shown.exit_code, shown.output) == (
        1,
        f"{SOURCE} 2.16.1: not found by Terraform\n"
        f"  folder  {plugins}/{SOURCE}/2.16.1\n"
        "  stock   terraform-provider-vsphere_v2.16.1_x5\n"
        f"  python  {sys.executable}\n"
        f"  terraform init, without network: not found. The provider_installation block of {home}/.terraformrc needs a "
        f'filesystem_mirror with path = "{plugins}" and include = ["instantclone.internal/*/*"], and '
        'exclude = ["instantclone.internal/*/*"] in all other methods.\n',
    )


def test_info_reports_a_terraform_that_cannot_be_started(stock: Path, tmp_path: Path) -> None:
    _run("install", "--stock-binary", stock)
    (tmp_path / "bin" / "terraform").write_bytes(b"\x7fELF")

    shown = _run("info")

    assert shown.exit_code == 1
    assert shown.output.splitlines()[-1] == f"  {tmp_path}/bin/terraform cannot be started: Exec format error."


def test_info_reports_a_skipped_search_if_terraform_is_missing(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run("install", "--stock-binary", stock)
    monkeypatch.setenv("TERRAFORM_BINARY_NAME", "missing-terraform")

    shown = _run("info")

    assert shown.exit_code == 0
    assert shown.output.startswith(f"{SOURCE} 2.16.1: ok\n")
    assert shown.output.splitlines()[-1] == (
        "  search  not checked: missing-terraform is not in PATH. Install Terraform 1.5 or newer, or set "
        "TERRAFORM_BINARY_NAME to another binary."
    )


def test_names_the_variable_if_the_home_is_not_writable(stock: Path, public_folder: Path) -> None:
    home = public_folder / "home"
    home.mkdir(mode=0o555)
    shared = public_folder / stock.name
    shared.write_text(STOCK)

    def run() -> list[object]:
        os.chdir(public_folder)
        os.environ["HOME"] = str(home)
        installed, shown = _run("install", "--stock-binary", shared), _run("info")
        return [str(installed.exception), shown.exit_code, shown.output]

    sentence = (
        f"{home}: the folder cannot be written. Set HOME to a folder that you can write, for this command, Terraform "
        "and cdktf."
    )
    assert as_another_user(run) == [
        sentence,
        1,
        f"{SOURCE} is not installed in {home}/.terraform.d/plugins. Run 'instant-clone provider install'.\n"
        f"\n{sentence}\n",
    ]


def test_info_reports_a_missing_installation(home: Path) -> None:
    shown = _run("info")

    assert (shown.exit_code, shown.output) == (
        1,
        f"{SOURCE} is not installed in {home}/.terraform.d/plugins. Run 'instant-clone provider install'.\n",
    )


def test_info_reports_a_broken_installation(stock: Path, home: Path) -> None:
    _run("install", "--stock-binary", stock)
    folder = home / ".terraform.d" / "plugins" / SOURCE / "2.16.1"
    (folder / "instant-clone" / "key.pem").unlink()

    shown = _run("info")

    assert (shown.exit_code, shown.output.splitlines()[:2]) == (
        1,
        [f"{SOURCE} 2.16.1: broken", f"  folder  {folder}"],
    )
    assert f"{folder}/instant-clone/key.pem cannot be read: No such file or directory." in shown.output
    assert shown.output.count("Run 'instant-clone provider install'.") == 1


def test_accepts_another_plugin_folder_and_address(stock: Path, tmp_path: Path) -> None:
    options = ("--plugin-dir", "mirror", "--source", "example.internal/team/vsphere")

    installed = _run("install", "--stock-binary", stock, *options)

    assert installed.exit_code == 0
    assert installed.output.splitlines()[:3] == [
        f"Installed example.internal/team/vsphere 2.16.1 in {tmp_path}/mirror.",
        "",
        f"Terraform does not search {tmp_path}/mirror by default. Set TF_CLI_CONFIG_FILE to a file with this content:",
    ]
    assert (tmp_path / "mirror" / "example.internal" / "team" / "vsphere" / "2.16.1").is_dir()
    assert _run("info", *options).exit_code == 0
    assert _run("uninstall", *options).exit_code == 0


def test_reports_a_configuration_that_hides_the_plugin_folder(stock: Path, home: Path) -> None:
    (home / ".terraformrc").write_text("provider_installation {\n  direct {}\n}\n")

    for arguments in (("install", "--stock-binary", stock), ("info",)):
        done = _run(*arguments)
        assert done.exit_code == 0
        assert f"{home}/.terraformrc has a provider_installation block" in done.output


def test_uninstall_removes_only_the_selected_release(stock: Path, tmp_path: Path) -> None:
    older = tmp_path / "terraform-provider-vsphere_v2.0.2_x5"
    older.write_text(STOCK)
    for binary in (stock, older):
        _run("install", "--stock-binary", binary)

    removed = _run("uninstall", "--version", "2.0.2")

    assert removed.output.startswith(f"Removed {SOURCE} 2.0.2 from ")
    assert [line for line in _run("info").output.splitlines() if line.startswith(SOURCE)] == [f"{SOURCE} 2.16.1: ok"]


@pytest.mark.parametrize(("options", "named"), [((), SOURCE), (("--version", "9.9.9"), f"{SOURCE} 9.9.9")])
def test_uninstall_rejects_a_release_that_is_not_installed(home: Path, options: tuple[str, ...], named: str) -> None:
    failure = _run("uninstall", *options).exception

    assert isinstance(failure, InstallError)
    assert str(failure) == (
        f"{named} is not installed in {home}/.terraform.d/plugins. "
        "Run 'instant-clone provider info' to show the installed releases."
    )


def test_install_rejects_a_missing_binary(tmp_path: Path) -> None:
    missing = tmp_path / "terraform-provider-vsphere_v2.16.1"
    failure = _run("install", "--stock-binary", missing).exception

    assert isinstance(failure, InstallError)
    assert str(failure).startswith(f"{missing}: no such file. ")


FLEETS = """\
[provider]
version = "2.15.0"

[fleets.web]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
[[fleets.web.sources]]
vm = "golden"
count = 1
"""


@pytest.mark.parametrize(
    ("option", "variable", "fleets", "expected"),
    [
        ("2.14.0", "2.13.0", FLEETS, "2.14.0"),
        (None, "2.13.0", FLEETS, "2.13.0"),
        (None, None, FLEETS, "2.15.0"),
        (None, None, None, "2.16.1"),
    ],
)
def test_install_selects_the_release_to_download(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
    variable: str | None,
    fleets: str | None,
    expected: str,
) -> None:
    monkeypatch.setenv(
        "PATH", str(tmp_path)
    )  # no terraform in PATH: the command fails after it has selected the release
    if variable is not None:
        monkeypatch.setenv("INSTANT_CLONE_PROVIDER_VERSION", variable)
    if fleets is not None:
        (tmp_path / "fleets.toml").write_text(fleets)

    done = _run("install", *(("--version", option) if option else ()))

    assert done.output == f"Terraform downloads the stock vSphere provider {expected} …\n"
    assert isinstance(done.exception, InstallError)
    assert str(done.exception).startswith("terraform is not in PATH.")


ELSEWHERE = FLEETS.replace('version = "2.15.0"', 'source = "example.internal/team/vsphere"')


def test_uses_the_address_in_the_fleet_file(stock: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text(ELSEWHERE)
    plugins = home / ".terraform.d" / "plugins"

    assert _run("install", "--stock-binary", stock).output == (
        f"Installed example.internal/team/vsphere 2.16.1 in {plugins}.\n"
    )
    assert _run("info").output.startswith("example.internal/team/vsphere 2.16.1: ok\n")
    assert _run("info", "--source", SOURCE).exit_code == 1
    assert _run("uninstall").output == f"Removed example.internal/team/vsphere 2.16.1 from {plugins}.\n"


def test_reads_the_fleet_file_in_the_environment_variable(
    stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.toml").write_text(ELSEWHERE)
    monkeypatch.setenv("INSTANT_CLONE_FLEETS", "other.toml")

    assert _run("install", "--stock-binary", stock).output.startswith("Installed example.internal/team/vsphere 2.16.1")


def test_rejects_a_missing_fleet_file_in_the_environment_variable(stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANT_CLONE_FLEETS", "other.toml")

    failure = _run("install", "--stock-binary", stock).exception

    assert isinstance(failure, FleetFileError)
    assert str(failure).startswith("other.toml: the file does not exist.")


def test_install_ignores_errors_in_fleets(stock: Path, tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text(ELSEWHERE.replace("count = 1", "count = -1"))

    assert _run("install", "--stock-binary", stock).exit_code == 0


def test_rejects_an_invalid_address_in_the_fleet_file(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text('[provider]\nsource = "vsphere"\n')

    failure = _run("info").exception

    assert isinstance(failure, FleetFileError)
    assert str(failure).startswith("fleets.toml, [provider] source: 'vsphere' is not a provider source address.")


def test_reports_another_release_than_the_fleet_file_needs(stock: Path, tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text(FLEETS)

    installed = _run("install", "--stock-binary", stock)

    assert installed.exit_code == 0
    assert installed.output.splitlines()[1:] == [
        "",
        "fleets.toml: the fleets need release 2.15.0, but 2.16.1 is installed. "
        'Set [provider] version = "2.16.1", or install 2.15.0.',
    ]


def test_rejects_a_fleet_file_that_is_not_toml(tmp_path: Path) -> None:
    (tmp_path / "fleets.toml").write_text("[provider\n")

    assert isinstance(_run("install").exception, FleetFileError)


@pytest.mark.parametrize(
    ("options", "variable", "named"),
    [(("--version", "newest"), None, "--version"), ((), "newest", "INSTANT_CLONE_PROVIDER_VERSION")],
)
def test_rejects_an_invalid_release(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], variable: str | None, named: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("INSTANT_CLONE_PROVIDER_VERSION", variable)

    failure = _run("install", *options).exception

    assert isinstance(failure, InstallError)
    assert str(failure) == f"{named}: 'newest' is not a release such as 2.16.1."


def test_rejects_a_release_that_differs_from_the_binary(stock: Path) -> None:
    failure = _run("install", "--stock-binary", stock, "--version", "9.9.9").exception

    assert str(failure) == f"--version is 9.9.9, but {stock} is another release. Remove one of the two options."
