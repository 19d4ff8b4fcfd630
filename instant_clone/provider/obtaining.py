# SPDX-License-Identifier: MPL-2.0
"""Getting the stock provider through Terraform itself, which verifies its signature and knows mirrors and proxies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from instant_clone.errors import InstallError
from instant_clone.provider.package import platform_name
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["STOCK_SOURCES", "obtain_stock", "terraform_binary"]

STOCK_SOURCES = ("vmware/vsphere", "hashicorp/vsphere")
"""the stock provider's addresses in registries, the present one first"""

_SECONDS = 600


def terraform_binary(environ: Mapping[str, str]) -> str:
    """The Terraform (or OpenTofu) that cdktf uses too: TERRAFORM_BINARY_NAME, else "terraform".

    Raises InstallError if it is not to be found.
    """
    name = environ.get("TERRAFORM_BINARY_NAME") or "terraform"
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        raise InstallError(
            f"{name} is not in PATH. Install Terraform 1.5 or later, name another binary in TERRAFORM_BINARY_NAME, or "
            "name a stock provider that you have with --stock-binary."
        )
    return path


def obtain_stock(version: ProviderVersion, *, into: Path, environ: Mapping[str, str]) -> Path:
    """The stock provider's binary of that release, copied `into` a folder.

    Lets `terraform init` fetch it for a configuration that requires nothing else. Raises InstallError with
    Terraform's own words if no registry or mirror has it.
    """
    terraform = terraform_binary(environ)
    said = ""
    for source in STOCK_SOURCES:
        with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
            folder = Path(temporary)
            required = {"vsphere": {"source": source, "version": str(version)}}
            (folder / "main.tf.json").write_text(json.dumps({"terraform": {"required_providers": required}}))
            try:
                done = subprocess.run(
                    [terraform, "init", "-no-color", "-input=false", "-backend=false"],
                    cwd=folder,
                    env={**environ, "CHECKPOINT_DISABLE": "1"},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as failure:
                raise InstallError(f"{terraform} init: {failure}") from None
            said = said or " ".join(done.stderr.split())
            pattern = f".terraform/providers/*/{source}/{version}/{platform_name()}/terraform-provider-vsphere_v*"
            found = sorted(folder.glob(pattern))
            if done.returncode == 0 and found:
                return Path(shutil.copy2(os.path.realpath(found[0]), into / found[0].name))
    raise InstallError(
        f"{terraform} init does not find the vSphere provider {version}: {said} Name a binary that you have with "
        "--stock-binary."
    )
