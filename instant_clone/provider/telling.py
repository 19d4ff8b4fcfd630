"""What is said of clones that are made, taken over, left or removed again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from instant_clone.errors import InstantCloneError
from instant_clone.provider.messages import Diagnostic
from instant_clone.provider.trouble import explained
from instant_clone.provider.values import BLOCK, Difference, attribute_path, error, shown, warning

if TYPE_CHECKING:
    from instant_clone.vcenter.clone import Clone, Cloner

__all__ = [
    "came_out_otherwise",
    "left_to_the_next",
    "located",
    "network_not_awaited",
    "rolled_back",
    "taken_over",
]


def taken_over(clone: Clone) -> Diagnostic:
    """The warning for a clone that was there already."""
    return warning(
        "Clone taken over",
        f"{clone.inventory_path} (UUID {clone.uuid}) was there already: made for this address from the same source by "
        "an apply that was interrupted before it could be noted in the state. It was not made again.",
    )


def came_out_otherwise(path: str, withheld: Iterable[Difference]) -> Diagnostic:
    """The warning for what vCenter has made otherwise than the source and the configuration have it."""
    withheld = list(withheld)
    lines = "\n".join(
        f"  {difference.path}: the source has {shown(difference.after)}, the clone {shown(difference.before)}."
        for difference in withheld
    )
    roots = dict.fromkeys(difference.path.partition(".")[0].partition("[")[0] for difference in withheld)
    names = ", ".join(f'"{root}"' for root in roots)
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
            diagnostic.attribute.CopyFrom(attribute_path(BLOCK, 0, "source_uuid"))
    return said


def network_not_awaited(clone: Clone) -> Diagnostic:
    """The warning for a clone whose guest was still silent at an interrupt."""
    return warning(
        "Network not awaited",
        f"The apply was interrupted before the guest of {clone.inventory_path} had reported a network address. The "
        "clone runs and is in the state; a later refresh brings its addresses.",
    )


def left_to_the_next(clone: Clone, failure: Exception) -> list[Diagnostic]:
    """What is said of a marked clone whose apply breaks off: removing it may break off too, half-way."""
    return [
        *explained(failure),
        error(
            "Clone left to the next apply",
            f"{clone.inventory_path} (UUID {clone.uuid}) was made, but the stock vSphere provider has ended. The clone "
            "runs and carries the mark of this state: apply again, and it is taken over.",
        ),
    ]


def rolled_back(cloner: Cloner, clone: Clone, said: list[Diagnostic]) -> list[Diagnostic]:
    """What is said of a clone that was made but cannot be taken into the state: it is removed again."""
    try:
        cloner.destroy(clone)
    except InstantCloneError as left:
        return [
            *said,
            error(
                "Clone left behind",
                f"{clone.inventory_path} (UUID {clone.uuid}) was made, could not be read back, and could not be "
                f"removed: {left} It is not in Terraform's state: remove it in vCenter before the next apply.",
            ),
        ]
    return [
        *said,
        error(
            "Clone removed again",
            f"{clone.inventory_path} was made but could not be read back, so it was removed. Apply again once the "
            "cause above is mended.",
        ),
    ]
