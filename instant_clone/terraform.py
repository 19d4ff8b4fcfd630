# SPDX-License-Identifier: MPL-2.0
"""Finds and runs the Terraform or OpenTofu that cdktf uses too."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from instant_clone.errors import InstantCloneError

__all__ = ["TerraformError", "run_terraform", "terraform_binary", "terraform_name"]


class TerraformError(InstantCloneError):
    """Terraform is not there, cannot be started, or does not end."""


def terraform_name(environ: Mapping[str, str]) -> str:
    """Return the name or path of the binary: TERRAFORM_BINARY_NAME as cdktf reads it, else "terraform"."""
    return environ.get("TERRAFORM_BINARY_NAME") or "terraform"


def terraform_binary(environ: Mapping[str, str]) -> str:
    """Return the path of the binary; raises TerraformError if PATH does not have it."""
    name = terraform_name(environ)
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        raise TerraformError(
            f"{name} is not in PATH. Install Terraform 1.5 or newer, or name another binary in TERRAFORM_BINARY_NAME."
        )
    return path


def run_terraform(
    binary: str, *arguments: str, folder: Path, environ: Mapping[str, str], seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a Terraform command in `folder` to its end, and return exit code and output.

    Raises TerraformError if it cannot be started, or if it does not end within `seconds`.
    """
    try:
        with subprocess.Popen(
            [binary, *arguments],
            cwd=folder,
            env={**environ, "TF_IN_AUTOMATION": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                # Not subprocess.run, which kills Terraform on Ctrl-C: Terraform ends by itself and unlocks the state.
                output, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise TerraformError(f"{binary} {arguments[0]} did not end within {seconds:g} s.") from None
    except OSError as failure:
        raise TerraformError(f"{binary} cannot be run: {failure.strerror}.") from None
    return subprocess.CompletedProcess([binary, *arguments], process.returncode, output, errors)
