# SPDX-License-Identifier: MPL-2.0
"""The provider package for Terraform: one launcher with the same bytes on every machine.

Terraform's lock file holds a hash of a provider's package. The launcher therefore contains no data about the machine.
It reads such data from the installation's home, a folder next to its own folder. The hash is known without an
installation. A lock file can therefore be written on every machine that synthesizes a stack.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import sys

from instant_clone.errors import InstallError
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["HOME_FOLDER", "LAUNCHER", "launcher_name", "package_hash", "platform_name"]

HOME_FOLDER = "instant-clone"
"""The installation's home: a folder next to the package's folder (such as linux_amd64)."""

LAUNCHER = b"""\
#!/bin/sh
# The vSphere provider with instant clones. Terraform starts it; 'instant-clone provider install' put it here.
package=$(dirname "$0") && package=$(cd -P "$package" && pwd -P) || exit 1
home=${package%/*}/instant-clone
if [ ! -r "$home/interpreter" ]; then
    echo "instant-clone: $home is missing. Run 'instant-clone provider install', then 'terraform init'." >&2
    exit 1
fi
IFS= read -r interpreter < "$home/interpreter"
if [ ! -x "$interpreter" ]; then
    echo "instant-clone: $(id -un) cannot execute $interpreter. Run 'instant-clone provider info'." >&2
    exit 1
fi
# Python's threads take turns: with a heap each (glibc), they would only take more memory.
export MALLOC_ARENA_MAX=1
exec "$interpreter" -I -m instant_clone.plugin "$home"
"""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "freebsd": "freebsd"}


def launcher_name(version: ProviderVersion) -> str:
    """Return the launcher's file name. Terraform requires the release in the name."""
    return f"terraform-provider-vsphere_v{version}"


def package_hash(version: ProviderVersion) -> str:
    """Return the hash of the package for Terraform's lock file, in the scheme "h1".

    The scheme is that of Go modules (golang.org/x/mod/sumdb/dirhash): SHA-256 over one line for each file. The line
    holds the SHA-256 of the file in hexadecimal, and the file's name.
    """
    line = f"{hashlib.sha256(LAUNCHER).hexdigest()}  {launcher_name(version)}\n"
    return "h1:" + base64.b64encode(hashlib.sha256(line.encode()).digest()).decode()


def platform_name() -> str:
    """Return Terraform's name of this machine's platform, such as "linux_amd64".

    Raises:
        InstallError: the system is not supported, such as Windows.
    """
    system = next((name for prefix, name in _SYSTEMS.items() if sys.platform.startswith(prefix)), None)
    if system is None:
        raise InstallError(
            f"The provider plugin does not run on {platform.system() or sys.platform}: it needs a Unix socket between "
            "Terraform and the plugin. Use Linux or macOS. On Windows, use the Windows Subsystem for Linux."
        )
    machine = platform.machine().lower()
    return f"{system}_{_MACHINES.get(machine, machine)}"
