# SPDX-License-Identifier: MPL-2.0
"""The stack's `.terraform.lock.hcl`, which synth writes.

cdktf runs `terraform providers lock` for a stack without a lock file. That command searches a registry for a provider
that exists only in the local mirror, and fails.
"""

from __future__ import annotations

from pathlib import Path

from instant_clone.plugin.install.package import package_hash
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["lock_file_text", "write_lock_file"]

LOCK_FILE = ".terraform.lock.hcl"


def lock_file_text(*, source: str, version: ProviderVersion) -> str:
    """Return the lock file of a stack with the plugin as its only provider, in Terraform's format.

    `source` is the plugin's provider address.
    """
    return (
        "# Written at synth. Terraform checks the provider package against this file.\n\n"
        f'provider "{source}" {{\n'
        f'  version     = "{version}"\n'
        f'  constraints = "{version}"\n'
        "  hashes = [\n"
        f'    "{package_hash(version)}",\n'
        "  ]\n"
        "}\n"
    )


def write_lock_file(folder: Path, *, source: str, version: ProviderVersion) -> None:
    """Write the lock file into the folder of a synthesized stack."""
    (folder / LOCK_FILE).write_text(lock_file_text(source=source, version=version))
