# SPDX-License-Identifier: MPL-2.0
"""The plugin around stock providers that are not there: what they once answered is in tests/recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from instant_clone.stock_provider.releases import ProviderVersion
from testkit.in_process import ProviderService
from testkit.simulator import Simulator
from tests.recordings.identifiers import Identifiers
from tests.recordings.recording import RELEASES, Recording, Replay, folder_of
from tests.recordings.story import Story, clone_of, simulator_with_sources, sources, tell
from tests.vcsim.client import Client


@dataclass(frozen=True)
class Told:
    """A story, as a recording had it told, and the simulator in which it took place."""

    story: Story
    layouts: set[str]
    simulator: Simulator


@pytest.fixture(scope="module", params=RELEASES, ids=str)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    release: ProviderVersion = request.param
    with simulator_with_sources() as simulator, Client(simulator) as client:
        replay = Replay(Recording.load(folder_of(release)), Identifiers(client))
        story = tell(
            ProviderService(replay.answer),
            release=release,
            simulator=simulator,
            folder=tmp_path_factory.mktemp("recordings"),
        )
        yield Told(story, set(sources(simulator, release)), simulator)


def test_all_layouts_are_planned_and_made(told: Told) -> None:
    assert len(told.layouts) > 50
    assert told.layouts >= {
        "with-one-disk",
        "with-two-controllers",
        "with-nvme-only",
        "with-ide-disk",
        "with-two-cd-roms",
    }
    assert told.story.plan == {f"vsphere_virtual_machine.{layout}": "create" for layout in told.layouts}
    assert told.story.made_state.keys() == told.layouts


def test_no_clone_was_touched_after_it_was_made(told: Told) -> None:
    assert [call for layout in told.layouts for call in told.simulator.calls(clone_of(layout))] == []


def test_the_next_plan_is_empty(told: Told) -> None:
    assert told.story.next_plan == {}


def test_disks_are_called_as_configured(told: Told) -> None:
    for states in (told.story.made_state, told.story.imported_state):
        assert {
            layout: [(disk["label"], disk["keep_on_remove"]) for disk in state["disk"]]
            for layout, state in states.items()
        } == {
            layout: [(f"disk{index}", False) for index in range(len(state["disk"]))] for layout, state in states.items()
        }


def test_an_imported_clone_is_as_it_was_made_and_its_plan_is_empty(told: Told) -> None:
    assert told.story.imported_state == told.story.made_state
    assert told.story.plan_of_imported == {}
