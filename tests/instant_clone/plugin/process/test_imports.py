# SPDX-License-Identifier: MPL-2.0
"""Import time of the plugin.

Terraform starts the plugin several times in each command. Most of these processes do not connect to vCenter.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[4]


def test_importing_the_plugin_does_not_import_pyvmomi() -> None:
    code = (
        "import sys; import instant_clone.plugin.process.server, instant_clone.plugin.process.proxy; "
        "sys.exit('pyVmomi' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=_PROJECT, timeout=60, check=False)

    assert ended.returncode == 0
