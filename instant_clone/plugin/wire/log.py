# SPDX-License-Identifier: MPL-2.0
"""Lines for Terraform's log: hclog's JSON on standard error, which Terraform shows under TF_LOG_PROVIDER.

Nothing that is logged may hold a value from a configuration or a state: these may be secret.
"""

from __future__ import annotations

import contextlib
import json
import sys

__all__ = ["debug", "error"]


def debug(message: str) -> None:
    """Logs what helps to understand what happened."""
    _write("debug", message)


def error(message: str) -> None:
    """Logs what went wrong."""
    _write("error", message)


def _write(level: str, message: str) -> None:
    line = json.dumps({"@level": level, "@message": message, "@module": "instantclone"})
    with contextlib.suppress(OSError):  # Terraform may be gone
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
