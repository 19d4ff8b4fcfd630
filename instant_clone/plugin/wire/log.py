# SPDX-License-Identifier: MPL-2.0
"""Messages for Terraform's log: hclog's JSON on standard error. Terraform shows them if TF_LOG_PROVIDER is set.

Do not log a value from a configuration or a state, because the value may be secret.
"""

from __future__ import annotations

import contextlib
import json
import sys

__all__ = ["debug", "error"]


def debug(message: str) -> None:
    """Log a message at the level "debug"."""
    _write("debug", message)


def error(message: str) -> None:
    """Log a message at the level "error"."""
    _write("error", message)


def _write(level: str, message: str) -> None:
    line = json.dumps({"@level": level, "@message": message, "@module": "instantclone"})
    with contextlib.suppress(OSError):  # Terraform may have ended
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
