# SPDX-License-Identifier: MPL-2.0
"""A user's cdktf app that combines the fleet constructs with resources of the stock provider."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testkit.workspace import PROJECT
from tests.conftest import StartSimulator
from tests.e2e.conftest import NewTerraform, Plugin

APP = PROJECT / "examples" / "own_app"


def synthesized(folder: Path, plugin: Plugin) -> dict[str, Any]:
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("__pycache__", "cdktf.out"))
    subprocess.run(
        [sys.executable, "main.py"],
        cwd=folder,
        env={**plugin.environment, "INSTANT_CLONE_PROVIDER_VERSION": str(plugin.release)},
        check=True,
        timeout=120,
    )
    document: dict[str, Any] = json.loads((folder / "cdktf.out" / "stacks" / "ci" / "cdk.tf.json").read_text())
    return document


@pytest.mark.skipif(sys.platform != "linux", reason="the fixture `plugin` needs Linux")
def test_plugin_deploys_the_fleets_and_the_stock_provider_deploys_the_other_resources(
    start_simulator: StartSimulator, plugin: Plugin, new_terraform: NewTerraform, tmp_path: Path
) -> None:
    simulator = start_simulator("-source", "golden-ci")
    terraform = new_terraform(simulator)
    document = synthesized(tmp_path / "app", plugin)
    # The test installs the stock provider from a local folder.
    document["terraform"]["required_providers"]["vsphere"]["source"] = plugin.stock_source
    del document["terraform"]["backend"]
    terraform.write(document)
    terraform.environment |= {"TF_VAR_vsphere_user": simulator.user, "TF_VAR_vsphere_password": simulator.password}
    terraform.init()
    terraform.apply()
    assert terraform.instances().keys() == {"runner-0", "runner-1", "browser-0"}
    providers = {
        resource["type"]: resource["provider"]
        for resource in json.loads(terraform.state_text)["resources"]
        if resource["mode"] == "managed"
    }
    assert providers["vsphere_folder"] == f'provider["{plugin.stock_source}"].lab'
    assert providers["vsphere_virtual_machine"] == 'provider["instantclone.internal/fleet/vsphere"].lab'
    for name in ("runner-0", "runner-1", "browser-0"):
        assert simulator.calls(name) == []
    assert terraform.plan() == {}
    terraform.destroy()
    with pytest.raises(KeyError):
        simulator.vm("runner-0")


def test_script_writes_the_committed_record(start_simulator: StartSimulator, plugin: Plugin, tmp_path: Path) -> None:
    simulator = start_simulator("-source", "golden-ci")
    shutil.copy(APP / "record.py", tmp_path)
    subprocess.run(
        [sys.executable, "record.py"], cwd=tmp_path, env=simulator.environment(plugin.environment), check=True
    )
    assert (tmp_path / "golden-ci.json").read_bytes() == (APP / "golden-ci.json").read_bytes()
