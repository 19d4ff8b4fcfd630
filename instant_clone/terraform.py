# SPDX-License-Identifier: MPL-2.0
"""Look-up and execution of the Terraform or OpenTofu binary that cdktf uses."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from instant_clone.errors import InstantCloneError

__all__ = ["TerraformError", "run_terraform", "terraform_binary", "terraform_name"]


class TerraformError(InstantCloneError):
    """Terraform is not in PATH, cannot be started, or does not finish in time."""


def terraform_name(environ: Mapping[str, str]) -> str:
    """Return the name or path of the binary.

    TERRAFORM_BINARY_NAME contains it, as in cdktf. The default is "terraform".
    """
    return environ.get("TERRAFORM_BINARY_NAME") or "terraform"


def terraform_binary(environ: Mapping[str, str]) -> str:
    """Return the path of the binary.

    Raises:
        TerraformError: the binary is not in PATH.
    """
    name = terraform_name(environ)
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        raise TerraformError(
            f"{name} is not in PATH. Install Terraform 1.5 or newer, or set TERRAFORM_BINARY_NAME to another binary."
        )
    return path


def run_terraform(
    binary: str, *arguments: str, folder: Path, environ: Mapping[str, str], seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a Terraform command in `folder`, and return its exit code and output.

    Raises:
        TerraformError: the command cannot be started, or does not finish within `seconds`.
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
                # On Ctrl-C, Terraform stops and unlocks the state. subprocess.run would kill Terraform before that.
                output, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                command = next(argument for argument in arguments if not argument.startswith("-"))
                raise TerraformError(f"{binary} {command} did not finish within {seconds:g} s.") from None
    except OSError as failure:
        raise TerraformError(f"{binary} cannot be started: {failure.strerror}.") from None
    return subprocess.CompletedProcess([binary, *arguments], process.returncode, output, errors)
