# SPDX-License-Identifier: MPL-2.0
"""Test start of the installed plugin without Terraform. It shows whether the launcher, Python and the packages work."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from instant_clone.plugin.wire.upstream_process import MAGIC_COOKIE, NOT_STARTED_BY_TERRAFORM

__all__ = ["start_problem"]

_SECONDS = 60


def start_problem(launcher: Path) -> str | None:
    """Return why the plugin does not start, or None if it starts."""
    try:
        done = subprocess.run(
            [launcher],
            env={key: value for key, value in os.environ.items() if key != MAGIC_COOKIE[0]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{launcher} did not start within {_SECONDS} s."
    except OSError as failure:
        return f"{launcher} cannot be started: {failure.strerror}."
    lines = done.stderr.decode(errors="replace").splitlines()
    if any(line.startswith(NOT_STARTED_BY_TERRAFORM) for line in lines):
        return None
    last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {done.returncode}")
    return f"{launcher} does not start: {last.rstrip('.')}."
