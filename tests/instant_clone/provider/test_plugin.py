# SPDX-License-Identifier: MPL-2.0
"""The plugin's process, as far as it can be looked at without Terraform."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from instant_clone.provider import plugin

plugin.define_only_vcenters_types()
from pyVmomi import vim
import instant_clone.vcenter.clone

vim.vm.InstantCloneSpec(name="a", location=vim.vm.RelocateSpec())
print(*sorted(name for name, module in sys.modules.items() if name.startswith("pyVmomi._typeinfo_") and module))
"""


def test_types_of_other_services_are_not_defined() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.stderr, ended.stdout.split()) == (
        "",
        ["pyVmomi._typeinfo_core", "pyVmomi._typeinfo_query", "pyVmomi._typeinfo_vim"],
    )


def test_it_tells_whoever_starts_it_by_hand() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "instant_clone.provider", "somewhere"],
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
        [sys.executable, "-m", "instant_clone.provider", "--reattach"],
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
