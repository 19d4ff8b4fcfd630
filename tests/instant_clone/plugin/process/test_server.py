# SPDX-License-Identifier: MPL-2.0
"""The plugin's process, tested without Terraform."""

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
    plugin.skip_unused_pyvmomi_types()
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
def test_plugin_does_not_define_types_of_other_services(process: str, defined: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DEFINED, process, "vim.VirtualMachine", *OF_OTHER_SERVICES],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.stderr, ended.stdout.split()) == ("", ["vim.VirtualMachine", *defined])


def test_explains_that_only_terraform_starts_the_plugin() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "instant_clone.plugin", "somewhere"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "Terraform starts this plugin. Run 'instant-clone provider info' to check the installation.\n"
    )


def test_debug_mode_reports_a_missing_installation(tmp_path: Path) -> None:
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
        "Run 'instant-clone provider install', or pass the folder instant-clone of an installation as HOME.\n"
    )


def test_launcher_of_an_earlier_release_asks_for_a_new_installation(tmp_path: Path) -> None:
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
        "instant-clone: a release before 0.2 installed this plugin. Run `instant-clone provider install` again.\n"
    )
