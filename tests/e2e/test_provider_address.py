# SPDX-License-Identifier: MPL-2.0
"""Change the provider address in required_providers without `terraform state replace-provider`.

Most releases of Terraform and OpenTofu let the provider at the new address read the state. Some releases of OpenTofu
send it MoveResourceState instead, which the stock provider does not support.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from testkit.clone_stack import PROVIDER_SOURCE, clones
from tests.e2e.conftest import Bench, Plugin
from tests.e2e.terraform import Terraform

SEND_MOVES = ("OpenTofu v1.11.12", "OpenTofu v1.12.4")
"""Releases that send MoveResourceState if only the address of a provider has changed."""

UNSUPPORTED = ("Unsupported plugin method", "Move Resource State Not Supported")
"""The error of OpenTofu for a stock provider without MoveResourceState, and the error of newer stock providers.

(terraform-plugin-sdk 2.34.0, helper/schema/grpc_provider.go, MoveResourceState)
"""


def _plugin_configuration(bench: Bench, name: str) -> dict[str, Any]:
    """Return the configuration of one clone for the plugin."""
    return clones(bench.source, bench.release, [name], extra_config={"guestinfo.ic.hostname": name})


def _stock_configuration(bench: Bench, plugin: Plugin, name: str) -> dict[str, Any]:
    """Return the configuration of the same clone for the stock provider."""
    whole = _plugin_configuration(bench, name)
    whole["terraform"]["required_providers"]["vsphere"]["source"] = plugin.stock_source
    del whole["resource"]["vsphere_virtual_machine"]["vm"]["instantclone"]
    return whole


def _provider_in_state(terraform: Terraform) -> str:
    (provider,) = {
        resource["provider"]
        for resource in json.loads(terraform.state_text)["resources"]
        if resource["type"] == "vsphere_virtual_machine"
    }
    assert isinstance(provider, str)
    return provider


def _sends_move_requests(terraform: Terraform) -> bool:
    return terraform.run("version").require().stdout.startswith(SEND_MOVES)


def _change_address(terraform: Terraform, whole: dict[str, Any], old: str, new: str) -> None:
    """Change the provider address.

    Change the configuration. Also run `state replace-provider` if this release of Terraform requires it.
    """
    terraform.write(whole)
    terraform.init()
    if not _sends_move_requests(terraform):
        return
    for command in ("plan", "apply", "destroy"):
        (error,) = terraform.run(command).errors
        assert error.summary in UNSUPPORTED
    assert _provider_in_state(terraform) == f'provider["{old}"]'
    terraform.run("state", "replace-provider", "-auto-approve", old, new).require()


@pytest.mark.long
def test_apply_before_init_fails_and_changes_nothing(bench: Bench, plugin: Plugin) -> None:
    bench.terraform.write(_plugin_configuration(bench, "not-initialised"))
    bench.terraform.apply()
    bench.terraform.write(_stock_configuration(bench, plugin, "not-initialised"))

    ended = bench.terraform.run("apply")

    assert ended.code == 1
    assert [error.summary for error in ended.errors] == ["Inconsistent dependency lock file"]
    assert _provider_in_state(bench.terraform) == f'provider["{PROVIDER_SOURCE}"]'
    assert bench.methods("not-initialised") == []


def test_moves_a_state_to_the_stock_provider_and_back(bench: Bench, plugin: Plugin) -> None:
    terraform = bench.terraform
    terraform.write(_plugin_configuration(bench, "there-and-back"))
    terraform.apply()
    made = terraform.attributes("there-and-back")["moid"]

    _change_address(
        terraform, _stock_configuration(bench, plugin, "there-and-back"), PROVIDER_SOURCE, plugin.stock_source
    )
    assert terraform.plan() == {}
    terraform.apply()
    assert _provider_in_state(terraform) == f'provider["{plugin.stock_source}"]'
    assert "instantclone" not in terraform.attributes("there-and-back")

    _change_address(terraform, _plugin_configuration(bench, "there-and-back"), plugin.stock_source, PROVIDER_SOURCE)
    # The apply adds the instantclone block to the state.
    assert terraform.plan() == {'vsphere_virtual_machine.vm["there-and-back"]': "update"}
    terraform.apply()
    assert _provider_in_state(terraform) == f'provider["{PROVIDER_SOURCE}"]'
    assert terraform.plan() == {}
    assert terraform.attributes("there-and-back")["moid"] == made
    assert bench.methods("there-and-back") == []


@pytest.mark.long
def test_init_fails_if_the_provider_of_the_state_is_not_installed(bench: Bench, plugin: Plugin, tmp_path: Path) -> None:
    bench.terraform.write(_plugin_configuration(bench, "not-installed"))
    bench.terraform.apply()
    configuration = tmp_path / "without-the-plugin.tfrc"
    text = Path(bench.terraform.environment["TF_CLI_CONFIG_FILE"]).read_text()
    configuration.write_text(text.replace("instantclone.internal", "elsewhere.internal"))
    environment = bench.terraform.environment | {"TF_CLI_CONFIG_FILE": str(configuration)}
    with Terraform(tmp_path / "elsewhere", environment) as elsewhere:
        shutil.copy2(bench.terraform.folder / "terraform.tfstate", elsewhere.folder)
        elsewhere.write(_stock_configuration(bench, plugin, "not-installed"))

        ended = elsewhere.run("init", "-no-color", "-input=false")

        assert ended.code == 1
        assert f"provider {PROVIDER_SOURCE}" in " ".join(ended.stderr.split())
        elsewhere.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, plugin.stock_source).require()
        elsewhere.init()
        assert elsewhere.plan() == {}
    assert bench.methods("not-installed") == []
