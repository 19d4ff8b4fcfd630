# SPDX-License-Identifier: MPL-2.0
"""The package that Terraform sees: one launcher, the same bytes on every machine.

Terraform's lock file holds a hash of a provider's package. The launcher therefore says nothing of the machine: it
finds the installation's home, which does, beside its own folder. So the hash is known without an installation, and
a lock file can be written wherever a stack is synthesized.
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
"""the installation's home, a sibling of the package's folder, which is named after the platform"""

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
# Python's threads take turns: with a heap each (glibc), they would only take more memory.
export MALLOC_ARENA_MAX=1
exec "$interpreter" -I -m instant_clone.plugin "$home"
"""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i386": "386", "i686": "386"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin", "freebsd": "freebsd"}


def launcher_name(version: ProviderVersion) -> str:
    """The launcher's file name, in which Terraform expects the release."""
    return f"terraform-provider-vsphere_v{version}"


def package_hash(version: ProviderVersion) -> str:
    """The hash of the package as Terraform's lock file has it, scheme "h1".

    It is that of Go's modules (golang.org/x/mod/sumdb/dirhash): SHA-256 over a line for each file, which holds the
    file's own SHA-256 in hexadecimal and its name.
    """
    line = f"{hashlib.sha256(LAUNCHER).hexdigest()}  {launcher_name(version)}\n"
    return "h1:" + base64.b64encode(hashlib.sha256(line.encode()).digest()).decode()


def platform_name() -> str:
    """This machine's platform as Terraform calls it, such as "linux_amd64". Raises InstallError on Windows."""
    system = next((name for prefix, name in _SYSTEMS.items() if sys.platform.startswith(prefix)), None)
    if system is None:
        raise InstallError(
            f"The provider plugin does not run on {platform.system() or sys.platform}: it needs Unix sockets between "
            "Terraform and itself. Use Linux or macOS; on Windows, the Windows Subsystem for Linux."
        )
    machine = platform.machine().lower()
    return f"{system}_{_MACHINES.get(machine, machine)}"
