# SPDX-License-Identifier: MPL-2.0
"""The schema and the values of release 2.16.1 for the fakes. They come from the recording of the stock provider."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from instant_clone.stock_provider.releases import ProviderVersion
from tests.recordings.recording import Recording, folder_of

__all__ = ["RELEASE", "configuration", "imported", "read", "recording"]

RELEASE = ProviderVersion("2.16.1")
_CLONE = "clone-with-one-disk"


@cache
def recording() -> Recording:
    """Return the recording of RELEASE."""
    return Recording.load(folder_of(RELEASE))


def imported() -> dict[str, Any]:
    """Return the state of a VM after ImportResourceState and before ReadResource."""
    call = next(
        call for call in recording().calls if call.method == "ImportResourceState" and _CLONE in call.asked["id"]
    )
    return deepcopy(dict(call.answers[0]["imported_resources"][0]["state"]))


@cache
def _read() -> dict[str, Any]:
    call = next(
        call
        for call in recording().calls
        if call.method == "ReadResource"
        and call.asked["current_state"]["imported"]
        and call.answers[0]["new_state"]["name"] == _CLONE
    )
    return dict(call.answers[0]["new_state"])


def read() -> dict[str, Any]:
    """Return the state of an imported VM with one disk and one network interface after ReadResource."""
    return deepcopy(_read())


@cache
def _configuration() -> dict[str, Any]:
    call = next(
        call
        for call in recording().calls
        if call.method == "PlanResourceChange"
        and "prior_state" not in call.asked
        and call.asked["config"]["name"] == _CLONE
    )
    return dict(call.asked["config"])


def configuration() -> dict[str, Any]:
    """Return the configuration of the VM that read() returns, with all arguments, as Terraform sends it."""
    return deepcopy(_configuration())
