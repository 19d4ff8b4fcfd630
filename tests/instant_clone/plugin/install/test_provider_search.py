# SPDX-License-Identifier: MPL-2.0
"""Terraform's search for the plugin, tested with a script that acts as `terraform init`.

tests/e2e/test_plugin_search.py runs real Terraform.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from instant_clone.plugin.install import provider_search
from instant_clone.plugin.install.installation import Installation
from instant_clone.plugin.install.package import platform_name
from instant_clone.plugin.install.provider_search import search_problem
from instant_clone.terraform import TerraformError

SOURCE = "instantclone.internal/fleet/vsphere"
SCRIPT = """\
#!{python}
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[1].removeprefix("-chdir="))
configuration = json.loads((folder / "main.tf.json").read_text())
call = dict(arguments=sys.argv[2:], configuration=configuration, environment=dict(os.environ))
call.update(files=sorted(os.listdir(folder)), cwd=os.getcwd(), folder=str(folder))
pathlib.Path({record!r}).write_text(json.dumps(call))
package = folder / {package!r}
package.parent.mkdir(parents=True)
package.symlink_to({found!r})
sys.stderr.write({errors!r})
sys.exit({code})
"""
UNREACHABLE = """\

Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
instantclone.internal/fleet/vsphere: could not connect to
instantclone.internal: failed to request discovery document: Get
"https://instantclone.internal/.well-known/terraform.json": proxyconnect tcp:
dial tcp 127.0.0.1:0: connect: connection refused

To see which modules are currently depending on
instantclone.internal/fleet/vsphere and what versions are specified, run the
following command:
    terraform providers

"""
NOT_IN_THE_MIRROR = """\

Error: Failed to query available provider packages

Could not retrieve the list of available versions for provider
instantclone.internal/fleet/vsphere: provider
instantclone.internal/fleet/vsphere was not found in any of the search
locations

  - /srv/mirror

"""
INVALID = """\
There are some problems with the CLI configuration:
╷
│ Error: Invalid provider_installation method block
│
│ The items inside the provider_installation block at - must all be blocks.
╵

As a result of the above problems, Terraform may not behave as intended.


Error: Failed to query available provider packages

Could not retrieve the list of available versions
"""


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "plugins" / SOURCE / "2.16.1")
    made.launcher.parent.mkdir(parents=True)
    return made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def _terraform(tmp_path: Path, found: Path, errors: str = "", code: int = 0, name: str = "terraform") -> None:
    program = tmp_path / "bin" / name
    program.write_text(
        SCRIPT.format(
            python=sys.executable,
            record=str(tmp_path / "record"),
            package=f".terraform/providers/{SOURCE}/2.16.1/{platform_name()}",
            found=str(found),
            errors=errors,
            code=code,
        )
    )
    program.chmod(0o755)


def _problem(installation: Installation, environment: dict[str, str]) -> str | None:
    return search_problem(installation, source=SOURCE, environ=environment)


def test_terraform_searches_for_the_installed_release_with_the_users_environment(
    installation: Installation, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _terraform(tmp_path, installation.launcher.parent)
    monkeypatch.chdir(tmp_path)

    assert _problem(installation, environment | {"TF_CLI_CONFIG_FILE": "/etc/terraformrc"}) is None

    call = json.loads((tmp_path / "record").read_text())
    assert call["arguments"] == ["init", "-no-color", "-input=false", "-backend=false", "-lockfile="]
    required = {"vsphere": {"source": SOURCE, "version": "2.16.1"}}
    assert call["configuration"] == {"terraform": {"required_providers": required}}
    assert call["files"] == ["main.tf.json"]
    assert call["cwd"] == str(tmp_path)
    assert not Path(call["folder"]).exists()
    assert call["environment"]["TF_CLI_CONFIG_FILE"] == "/etc/terraformrc"
    assert call["environment"]["HOME"] == str(tmp_path)


def test_terraform_runs_without_network(
    installation: Installation, environment: dict[str, str], tmp_path: Path
) -> None:
    _terraform(tmp_path, installation.launcher.parent)

    _problem(installation, environment | {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*.internal"})

    seen = json.loads((tmp_path / "record").read_text())["environment"]
    assert {name: seen[name] for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")} == {
        "HTTPS_PROXY": "http://127.0.0.1:0",
        "https_proxy": "http://127.0.0.1:0",
        "NO_PROXY": "",
        "no_proxy": "",
    }
    assert (seen["TF_REGISTRY_DISCOVERY_RETRY"], seen["CHECKPOINT_DISABLE"]) == ("0", "1")


def test_terraform_gets_no_settings_of_other_configurations(
    installation: Installation, environment: dict[str, str], tmp_path: Path
) -> None:
    _terraform(tmp_path, installation.launcher.parent)
    others = ("TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PATH")

    _problem(installation, environment | dict.fromkeys(others, "x"))

    assert json.loads((tmp_path / "record").read_text())["environment"].keys().isdisjoint(others)


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (
            UNREACHABLE,
            f"Could not retrieve the list of available versions for provider {SOURCE}: could not connect to "
            "instantclone.internal",
        ),
        (
            NOT_IN_THE_MIRROR,
            f"Could not retrieve the list of available versions for provider {SOURCE}: provider {SOURCE} was not found "
            "in any of the search locations - /srv/mirror",
        ),
        (INVALID, "The items inside the provider_installation block at - must all be blocks"),
        ("Error: Unsupported version\n", "Unsupported version"),
        ("killed\n", "killed"),
        ("", "no reason given"),
    ],
    ids=["direct", "mirror", "configuration", "summary", "text", "nothing"],
)
def test_returns_terraforms_reason_and_the_change_in_one_line(
    installation: Installation, environment: dict[str, str], tmp_path: Path, errors: str, reason: str
) -> None:
    _terraform(tmp_path, installation.launcher.parent, errors, code=1)

    assert _problem(installation, environment) == (
        f"terraform init, without network: {reason}. The provider_installation block of {tmp_path}/.terraformrc needs "
        f'a filesystem_mirror with path = "{tmp_path}/plugins" and include = ["instantclone.internal/*/*"], and '
        'exclude = ["instantclone.internal/*/*"] in all other methods.'
    )


def test_runs_the_terraform_binary_that_cdktf_uses(
    installation: Installation, environment: dict[str, str], tmp_path: Path
) -> None:
    _terraform(tmp_path, installation.launcher.parent, "Error: no\n", code=1, name="tofu")

    problem = _problem(installation, environment | {"TERRAFORM_BINARY_NAME": str(tmp_path / "bin" / "tofu")})

    assert problem is not None
    assert problem.startswith("tofu init, without network: no. ")


def test_reports_a_relative_path_in_tf_cli_config_file(
    installation: Installation, environment: dict[str, str], tmp_path: Path
) -> None:
    _terraform(tmp_path, installation.launcher.parent, "Error: no\n", code=1)

    problem = _problem(installation, environment | {"TF_CLI_CONFIG_FILE": "cli.tfrc"})

    call = json.loads((tmp_path / "record").read_text())
    assert call["environment"]["TF_CLI_CONFIG_FILE"] == f"{call['folder']}/cli.tfrc"
    assert problem == (
        "terraform init, without network: no. Set TF_CLI_CONFIG_FILE to an absolute path: cdktf runs Terraform in the "
        "folder of a stack, where 'cli.tfrc' does not exist."
    )


@pytest.mark.parametrize("variable", ["TF_CLI_ARGS", "TF_CLI_ARGS_init"])
def test_reports_a_plugin_dir_option_in_tf_cli_args(
    installation: Installation, environment: dict[str, str], tmp_path: Path, variable: str
) -> None:
    _terraform(tmp_path, installation.launcher.parent, "Error: no\n", code=1)

    assert _problem(installation, environment | {variable: "-plugin-dir=/srv/mirror"}) == (
        f"terraform init, without network: no. Remove -plugin-dir from {variable}."
    )


def test_reports_another_copy_of_the_plugin(
    installation: Installation, environment: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _terraform(tmp_path, other)

    assert _problem(installation, environment) == (
        f"terraform finds another copy, {other}. Remove that copy, or name its plugin folder with --plugin-dir."
    )


def test_reports_a_terraform_that_does_not_finish(
    installation: Installation, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "terraform"
    program.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(provider_search, "_SECONDS", 0.1)

    with pytest.raises(TerraformError, match=r"bin/terraform init did not finish within 0\.1 s\.$"):
        _problem(installation, environment)


def test_reports_a_missing_temporary_folder(
    installation: Installation, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _terraform(tmp_path, installation.launcher.parent)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))

    with pytest.raises(TerraformError) as caught:
        _problem(installation, environment)

    assert str(caught.value) == (
        "temporary folder: No such file or directory. Set TMPDIR to a folder that you can write."
    )
