# SPDX-License-Identifier: MPL-2.0
"""The plugin's process, as far as it can be looked at without Terraform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEFINED = """
import sys
from instant_clone.plugin.process import server as plugin

if sys.argv[1] == "plugin":
    plugin.define_only_vcenters_types()
import instant_clone.vcenter.cloning.clone_task
from pyVmomi import vim
from pyVmomi.VmomiSupport import GetVmodlType

vim.vm.InstantCloneSpec(name="a", location=vim.vm.RelocateSpec())
for name in sys.argv[2:]:
    try:
        GetVmodlType(name)
    except KeyError:
        continue
    print(name)
"""
OF_OTHER_SERVICES = [
    "eam.EsxAgentManager",
    "pbm.ServiceInstance",
    "sms.ServiceInstance",
    "vim.cluster.VsanVcClusterConfigSystem",
    "vslm.ServiceInstance",
]


@pytest.mark.parametrize(("process", "defined"), [("plugin", []), ("command", OF_OTHER_SERVICES)])
def test_types_of_other_services_are_not_defined_in_the_plugin(process: str, defined: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DEFINED, process, "vim.VirtualMachine", *OF_OTHER_SERVICES],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.stderr, ended.stdout.split()) == ("", ["vim.VirtualMachine", *defined])


def test_it_tells_whoever_starts_it_by_hand() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "instant_clone.plugin", "somewhere"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "This is a plugin, which Terraform starts by itself. 'instant-clone provider info' tells about it.\n"
    )


def test_the_debugger_s_plugin_says_what_is_not_installed(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "INSTANT_CLONE_FLEETS"}
    ended = subprocess.run(
        [sys.executable, "-m", "instant_clone.plugin", "--reattach"],
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"instant-clone: instantclone.internal/fleet/vsphere is not installed in {tmp_path}/.terraform.d/plugins. "
        "Run 'instant-clone provider install', or name the plugin's folder.\n"
    )


def test_the_launcher_of_an_earlier_release_says_what_to_do(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "instant_clone.provider", str(tmp_path)],
        cwd=Path(__file__).resolve().parents[4],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == (
        "instant-clone: An earlier release installed this plugin: run 'instant-clone provider install' again.\n"
    )
