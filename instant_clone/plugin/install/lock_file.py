# SPDX-License-Identifier: MPL-2.0
"""The stack's `.terraform.lock.hcl`, written at synth.

cdktf runs `terraform providers lock` for a stack that has none, which asks a registry for a provider that exists in
the local mirror only, and fails.
"""

from __future__ import annotations

from pathlib import Path

from instant_clone.plugin.install.package import package_hash
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["lock_file_text", "write_lock_file"]

LOCK_FILE = ".terraform.lock.hcl"


def lock_file_text(*, source: str, version: ProviderVersion) -> str:
    """The lock file of a stack whose only provider is ours, at the address `source`, as Terraform formats it."""
    return (
        "# Written at synth. Terraform checks the provider against it.\n\n"
        f'provider "{source}" {{\n'
        f'  version     = "{version}"\n'
        f'  constraints = "{version}"\n'
        "  hashes = [\n"
        f'    "{package_hash(version)}",\n'
        "  ]\n"
        "}\n"
    )


def write_lock_file(folder: Path, *, source: str, version: ProviderVersion) -> None:
    """Writes the lock file into a synthesized stack's folder."""
    (folder / LOCK_FILE).write_text(lock_file_text(source=source, version=version))
