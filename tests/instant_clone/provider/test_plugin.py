"""The plugin's process, as far as it can be looked at without Terraform."""

from __future__ import annotations

import subprocess
import sys

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
