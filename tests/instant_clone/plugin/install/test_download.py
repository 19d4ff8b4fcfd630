# SPDX-License-Identifier: MPL-2.0
"""Download of the stock provider, tested with a script that acts as `terraform init`.

Tests have no access to a registry.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from instant_clone.errors import InstallError
from instant_clone.plugin.install.download import obtain_stock
from instant_clone.plugin.install.package import platform_name
from instant_clone.stock_provider.releases import ProviderVersion

VERSION = ProviderVersion("2.16.1")
SCRIPT = """\
#!{python}
import json, os, pathlib, sys
known = {known!r}
required = json.loads(pathlib.Path("main.tf.json").read_text())["terraform"]["required_providers"]["vsphere"]
with open({record!r}, "a") as record:
    call = dict(arguments=sys.argv[1:], required=required, checkpoint=os.environ.get("CHECKPOINT_DISABLE"))
    record.write(json.dumps(call) + chr(10))
if required["source"] not in known:
    sys.exit("Error: no registry\\n   has " + required["source"])
folder = pathlib.Path(".terraform/providers/a.example", required["source"], required["version"], {platform!r})
folder.parent.mkdir(parents=True)
cached = pathlib.Path({cache!r}, required["source"])
cached.mkdir(parents=True)
(cached / ("terraform-provider-vsphere_v" + required["version"] + "_x5")).write_text(required["source"])
folder.symlink_to(cached)  # as with a plugin cache
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "into").mkdir()
    return {"PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path)}


def _terraform(tmp_path: Path, *known: str, name: str = "terraform") -> Path:
    program = tmp_path / "bin" / name
    program.write_text(
        SCRIPT.format(
            python=sys.executable,
            known=known,
            record=str(tmp_path / "record"),
            platform=platform_name(),
            cache=str(tmp_path / "cache"),
        )
    )
    program.chmod(0o755)
    return program


def _record(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "record").read_text().splitlines()]


def test_terraform_downloads_the_stock_provider(tmp_path: Path, environment: dict[str, str]) -> None:
    _terraform(tmp_path, "vmware/vsphere", "hashicorp/vsphere")

    obtained = obtain_stock(VERSION, into=tmp_path / "into", environ=environment)

    assert obtained == tmp_path / "into" / "terraform-provider-vsphere_v2.16.1_x5"
    assert obtained.read_text() == "vmware/vsphere"
    assert not obtained.is_symlink()
    assert _record(tmp_path) == [
        {
            "arguments": ["init", "-no-color", "-input=false", "-backend=false"],
            "required": {"source": "vmware/vsphere", "version": "2.16.1"},
            "checkpoint": "1",
        }
    ]


def test_older_releases_come_from_the_older_address(tmp_path: Path, environment: dict[str, str]) -> None:
    _terraform(tmp_path, "hashicorp/vsphere")

    assert obtain_stock(VERSION, into=tmp_path / "into", environ=environment).read_text() == "hashicorp/vsphere"


def test_reports_terraforms_error(tmp_path: Path, environment: dict[str, str]) -> None:
    program = _terraform(tmp_path)

    with pytest.raises(InstallError) as caught:
        obtain_stock(VERSION, into=tmp_path / "into", environ=environment)

    assert str(caught.value) == (
        f"{program} init cannot download the vSphere provider 2.16.1: Error: no registry has vmware/vsphere Set "
        "--stock-binary to a downloaded stock provider."
    )
    assert list((tmp_path / "into").iterdir()) == []


def test_uses_the_binary_in_terraform_binary_name(tmp_path: Path, environment: dict[str, str]) -> None:
    _terraform(tmp_path, "vmware/vsphere", name="tofu")

    obtained = obtain_stock(VERSION, into=tmp_path / "into", environ=environment | {"TERRAFORM_BINARY_NAME": "tofu"})
    assert obtained.read_text() == "vmware/vsphere"


@pytest.mark.parametrize(("variables", "name"), [({}, "terraform"), ({"TERRAFORM_BINARY_NAME": "tofu"}, "tofu")])
def test_reports_a_missing_terraform(
    tmp_path: Path, environment: dict[str, str], variables: dict[str, str], name: str
) -> None:
    with pytest.raises(InstallError) as caught:
        obtain_stock(VERSION, into=tmp_path / "into", environ=environment | variables)

    assert str(caught.value) == (
        f"{name} is not in PATH. Install Terraform 1.5 or newer, or set TERRAFORM_BINARY_NAME to another binary. Or "
        "set --stock-binary to a downloaded stock provider."
    )


def test_reports_a_terraform_that_cannot_be_started(tmp_path: Path, environment: dict[str, str]) -> None:
    program = tmp_path / "bin" / "terraform"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)

    with pytest.raises(InstallError, match="Exec format error"):
        obtain_stock(VERSION, into=tmp_path / "into", environ=environment)
    assert list((tmp_path / "into").iterdir()) == []
