# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import pytest

from instant_clone.ownership import Owner

UUID = "564d3a5c-7b1e-4f6a-9c2d-0123456789ab"


def test_parses_a_marker() -> None:
    assert Owner.parse(f"o-1/web/web-07/{UUID.upper()}/3") == Owner("o-1", "web", "web-07", UUID, 3)


@pytest.mark.parametrize(
    "text", [None, "", "o/web/web-07", f"o/web/web-07/{UUID}/", f"o/web/w/{UUID}/x", 7, "a/b/c/d/e/f"]
)
def test_returns_none_for_other_values(text: object) -> None:
    assert Owner.parse(text) is None


def test_same_member_can_have_another_source_and_generation() -> None:
    one = Owner("o-1", "web", "web-07", UUID, 1)

    assert one.is_of_the_same_member(Owner("o-1", "web", "web-07", "other", 2))
    assert not one.is_of_the_same_member(Owner("o-2", "web", "web-07", UUID, 1))
    assert not one.is_of_the_same_member(Owner("o-1", "lab", "web-07", UUID, 1))
    assert not one.is_of_the_same_member(Owner("o-1", "web", "web-08", UUID, 1))
