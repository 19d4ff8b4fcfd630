# SPDX-License-Identifier: MPL-2.0
"""Download of the stock provider with Terraform, which verifies the signature and supports mirrors and proxies."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from instant_clone.errors import InstallError
from instant_clone.plugin.install.package import platform_name
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.terraform import TerraformError, run_terraform, terraform_binary

__all__ = ["STOCK_SOURCES", "obtain_stock"]

STOCK_SOURCES = ("vmware/vsphere", "hashicorp/vsphere")
"""The stock provider's addresses in registries, the current one first."""

_SECONDS = 600


def obtain_stock(version: ProviderVersion, *, into: Path, environ: Mapping[str, str]) -> Path:
    """Copy the stock provider's binary of the release `version` into the folder `into`, and return its path.

    `terraform init` downloads the binary for a configuration that requires only this provider.

    Raises:
        InstallError: Terraform cannot be run, or no registry or mirror has the release. The message includes
            Terraform's error output.
    """
    try:
        return _obtained(version, into, environ)
    except TerraformError as failure:
        raise InstallError(f"{failure} Or set --stock-binary to a downloaded stock provider.") from None


def _obtained(version: ProviderVersion, into: Path, environ: Mapping[str, str]) -> Path:
    terraform = terraform_binary(environ)
    errors = ""
    for source in STOCK_SOURCES:
        with tempfile.TemporaryDirectory(prefix="instant-clone-") as temporary:
            folder = Path(temporary)
            required = {"vsphere": {"source": source, "version": str(version)}}
            (folder / "main.tf.json").write_text(json.dumps({"terraform": {"required_providers": required}}))
            done = run_terraform(
                *(terraform, "init", "-no-color", "-input=false", "-backend=false"),
                folder=folder,
                environ={**environ, "CHECKPOINT_DISABLE": "1"},
                seconds=_SECONDS,
            )
            errors = errors or " ".join(done.stderr.decode(errors="replace").split())
            pattern = f".terraform/providers/*/{source}/{version}/{platform_name()}/terraform-provider-vsphere_v*"
            found = sorted(folder.glob(pattern))
            if done.returncode == 0 and found:
                return Path(shutil.copy2(os.path.realpath(found[0]), into / found[0].name))
    raise InstallError(
        f"{terraform} init cannot download the vSphere provider {version}: {errors} Set --stock-binary to a downloaded "
        "stock provider."
    )
