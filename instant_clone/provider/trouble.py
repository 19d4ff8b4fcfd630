# SPDX-License-Identifier: MPL-2.0
"""What goes wrong, as Terraform shows it."""

from __future__ import annotations

import traceback

from instant_clone.errors import CloneError, ConnectError, InstantCloneError, LoginError, NotFoundError
from instant_clone.provider import log
from instant_clone.provider.messages import AttributePath, Diagnostic
from instant_clone.provider.stock_client import RefusedError
from instant_clone.provider.values import attribute_path, error

__all__ = ["explained"]

# The first kind that fits.
_SUMMARIES: dict[type[InstantCloneError], str] = {
    ConnectError: "No connection to vCenter",
    LoginError: "vCenter refuses the log-in",
    NotFoundError: "Not found in vCenter",
    CloneError: "Instant clone failed",
    InstantCloneError: "vCenter refuses",
}


def explained(failure: Exception) -> list[Diagnostic]:
    """The diagnostics for an exception; for one that nobody foresaw, the traceback goes into Terraform's log."""
    if isinstance(failure, RefusedError):
        return failure.diagnostics
    if isinstance(failure, InstantCloneError):
        summary = next(text for kind, text in _SUMMARIES.items() if isinstance(failure, kind))
        at = None
        if isinstance(failure, CloneError):
            summary = failure.summary or summary
            at = _path(failure.argument) if failure.argument else None
        return [error(summary, str(finding), at) for finding in failure.findings]
    log.error("".join(traceback.format_exception(failure)))
    return [
        error(
            "Error in the instant clone plugin",
            f"{type(failure).__name__}: {failure}. This is a mistake in the plugin. TF_LOG_PROVIDER=ERROR shows where.",
        )
    ]


def _path(argument: str) -> AttributePath:
    block, inner, name = argument.partition(".")
    return attribute_path(block, 0, name) if inner else attribute_path(block)
