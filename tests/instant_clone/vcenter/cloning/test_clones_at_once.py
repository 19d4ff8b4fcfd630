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
def test_how_many_clones_are_made_at_a_time(environ: dict[str, str], expected: int) -> None:
    assert clones_at_once(environ) == expected


@pytest.mark.parametrize("written", ["0", "-1", "many", "2.5", " 3", "\u0663"])
def test_a_number_of_clones_that_is_none_is_told(written: str) -> None:
    with pytest.raises(CloneError) as caught:
        clones_at_once({"INSTANT_CLONE_PARALLELISM": written})

    assert caught.value.summary == "INSTANT_CLONE_PARALLELISM is wrong"
    assert str(caught.value) == (
        f"INSTANT_CLONE_PARALLELISM is {written!r}, which is no number of clones. Write one from 1 on, or unset it: "
        "8 is usual."
    )
