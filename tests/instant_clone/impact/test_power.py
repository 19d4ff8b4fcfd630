# SPDX-License-Identifier: MPL-2.0
"""Tests of properties that all rules together have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from instant_clone.impact import ANY_CHANGE, disks_lost, may_be_refused, moves, power_cycles
from tests.instant_clone.impact.states import PRIOR, State

scalars = st.none() | st.booleans() | st.integers(0, 3) | st.text("ab", max_size=1)
states = st.dictionaries(st.sampled_from([*PRIOR, *ANY_CHANGE]), scalars).map(
    lambda drawn: PRIOR | {key: value for key, value in drawn.items() if key in ANY_CHANGE}
)


@given(states)
def test_equal_states_have_no_changes(state: State) -> None:
    assert (power_cycles(state, state), moves(state, state), may_be_refused(state, state)) == ((), (), ())
    assert disks_lost(state, state) == ()


@given(states, states)
def test_change_of_a_plain_argument_is_symmetric(one: State, other: State) -> None:
    there = {change.argument for change in power_cycles(one, other)} & set(ANY_CHANGE)
    back = {change.argument for change in power_cycles(other, one)} & set(ANY_CHANGE)
    assert there == back == {key for key in ANY_CHANGE if (one.get(key) or None) != (other.get(key) or None)}


@given(states, states)
def test_changes_are_either_all_rejected_or_not_rejected(one: State, other: State) -> None:
    hot = {"extra_config_reboot_required": False}
    prior, planned = one | hot, other | hot | {"extra_config": {"guestinfo.name": "b"}}
    assert len({change.rejected for change in power_cycles(prior, planned)}) <= 1
