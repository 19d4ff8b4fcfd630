# SPDX-License-Identifier: MPL-2.0
"""Diagnostics: what the plugin reports of clones, and of errors."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from instant_clone.errors import CloneError, ConnectError, InstantCloneError, LoginError, NotFoundError
from instant_clone.inventory_names import finder_pattern
from instant_clone.plugin.wire import log
from instant_clone.plugin.wire.codec import attribute_path, error, shown, warning
from instant_clone.plugin.wire.tfplugin5 import AttributePath, Diagnostic
from instant_clone.plugin.wire.upstream_client import RefusedError, StockGoneError
from instant_clone.stock_provider.names import INSTANTCLONE
from instant_clone.vm.differences import Difference

if TYPE_CHECKING:
    from instant_clone.vcenter.cloning.clone_task import Clone

__all__ = [
    "STATE_RM",
    "WHICH_ADDRESS",
    "Removal",
    "came_out_otherwise",
    "explained",
    "import_id",
    "left_to_the_next",
    "located",
    "network_not_awaited",
    "rolled_back",
    "tainted",
    "taken_over",
]


Removal = Literal["removed", "gone"] | Exception
"""what became of a clone that was to be removed: removed, gone before, or why it is still there"""
WHICH_ADDRESS = "with the address above in single quotes and without what stands in parentheses"
"""what ADDRESS stands for in a command; Terraform may show one with something added in parentheses"""
STATE_RM = f"terraform state rm ADDRESS, {WHICH_ADDRESS}"
"""the command that takes a VM out of the state and leaves it as it is"""


def import_id(path: str) -> str:
    """Return the id that `terraform import` takes for the VM at an inventory path, quoted for a shell."""
    return "'" + finder_pattern(path).replace("'", "'\\''") + "'"


def taken_over(clone: Clone) -> Diagnostic:
    """The warning for a clone that was there already."""
    return warning(
        "Clone taken over",
        f"{clone.inventory_path} (UUID {clone.uuid}) was there already: made for this address from the same source by "
        "an apply that was interrupted before it could be noted in the state. It was not made again.",
    )


def came_out_otherwise(path: str, withheld: Iterable[Difference], *, there_already: bool) -> Diagnostic:
    """The warning for what a clone has otherwise than its configuration, though that asks for no change of its source.

    Either vCenter has made it so, or the configuration has changed since the clone that was `there_already` was made.
    """
    withheld = list(withheld)
    whose = "the configuration" if there_already else "the source"
    lines = "\n".join(
        f"  {difference.path}: {whose} has {shown(difference.after)}, the clone {shown(difference.before)}."
        for difference in withheld
    )
    roots = dict.fromkeys(difference.path.partition(".")[0].partition("[")[0] for difference in withheld)
    names = ", ".join(f'"{root}"' for root in roots)
    if there_already:
        return warning(
            "Clone taken over as it was made",
            f"{path} was made with other values than the configuration has now:\n{lines}\n"
            "It was left as it is. The next plan will show these as changes, or say why they cannot be made while the "
            "clone runs.",
        )
    return warning(
        "Clone came out otherwise than its source",
        f"vCenter has made {path} with other values than the source's, although the configuration repeats those:\n"
        f"{lines}\n"
        "The clone was left as it is, since nobody asked for a change of it. The next plan will show these. "
        f"Either put {names} into ignore_changes, or let the next apply make the change, if it is one that does not "
        "power the clone off.",
    )


def located(said: list[Diagnostic]) -> list[Diagnostic]:
    """The same, with the source as the place of what has none."""
    for diagnostic in said:
        if not diagnostic.attribute.steps:
            diagnostic.attribute.CopyFrom(attribute_path(INSTANTCLONE, 0, "source_uuid"))
    return said


def network_not_awaited(clone: Clone) -> Diagnostic:
    """The warning for a clone whose guest was still silent at an interrupt."""
    return warning(
        "Network not awaited",
        f"The apply was interrupted before the guest of {clone.inventory_path} had reported a network address. The "
        "clone runs and is in the state; a later refresh brings its addresses.",
    )


def tainted(
    clone: Clone, what: str = "was made and runs, but what comes after did not succeed: see above."
) -> Diagnostic:
    """What is said of a clone that is in the state although its apply has failed; `what` has become of it."""
    return error(
        "Clone is in the state as tainted",
        f"{clone.inventory_path} (UUID {clone.uuid}) {what} The next apply makes it anew, unless you keep it as it is: "
        f"terraform untaint ADDRESS, {WHICH_ADDRESS}.",
    )


def left_to_the_next(clone: Clone, failure: Exception, *, there_already: bool) -> list[Diagnostic]:
    """What is said of a marked clone whose apply breaks off, and that is not removed.

    One that was just made is left if removing it may break off too, half-way; one that was there already is never
    removed, as it may have run for months.
    """
    because = "the stock vSphere provider has ended" if isinstance(failure, StockGoneError) else "it could not be read"
    return [
        *explained(failure),
        error(
            "Clone left to the next apply",
            f"{clone.inventory_path} (UUID {clone.uuid}) {'was there already' if there_already else 'was made'}, but "
            f"{because}. The clone runs and carries the mark of this state: apply again, and it is taken over.",
        ),
    ]


def rolled_back(clone: Clone, removal: Removal) -> Diagnostic:
    """What is said of a clone that was made but cannot be read back, after its removal."""
    if isinstance(removal, Exception):
        return tainted(clone, f"was made, could not be read back, and could not be removed: {removal}")
    if removal == "gone":
        what = f"{clone.inventory_path} was made, and was gone before it could be read back. Apply again."
        return error("Clone removed again", what)
    return error(
        "Clone removed again",
        f"{clone.inventory_path} was made but could not be read back, so it was removed. Apply again once the cause "
        "above is mended.",
    )


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
