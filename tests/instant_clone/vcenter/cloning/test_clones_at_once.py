# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import pytest

from instant_clone.errors import CloneError
from instant_clone.vcenter.cloning.clone_task import clones_at_once


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, 8),
        ({"INSTANT_CLONE_PARALLELISM": ""}, 8),
        ({"INSTANT_CLONE_PARALLELISM": "1"}, 1),
        ({"INSTANT_CLONE_PARALLELISM": "20"}, 20),
    ],
)
def test_returns_the_number_of_simultaneous_clones(environ: dict[str, str], expected: int) -> None:
    assert clones_at_once(environ) == expected


@pytest.mark.parametrize("written", ["0", "-1", "many", "2.5", " 3", "\u0663"])
def test_rejects_a_value_that_is_not_a_positive_integer(written: str) -> None:
    with pytest.raises(CloneError) as caught:
        clones_at_once({"INSTANT_CLONE_PARALLELISM": written})

    assert caught.value.summary == "Invalid INSTANT_CLONE_PARALLELISM"
    assert str(caught.value) == (
        f"INSTANT_CLONE_PARALLELISM: must be a positive integer, not {written!r}. Set a positive integer, or unset it: "
        "the default is 8."
    )
