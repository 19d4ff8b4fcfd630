# SPDX-License-Identifier: MPL-2.0
"""The plugin with recorded answers of stock providers that are not installed. See tests/recordings."""

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
class ReplayedStory:
    """The results of tests/recordings/story.py with recorded answers, and the simulator."""

    story: Story
    layouts: set[str]
    simulator: Simulator


@pytest.fixture(scope="module", params=RELEASES, ids=str)
def replayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayedStory]:
    release: ProviderVersion = request.param
    with simulator_with_sources() as simulator, Client(simulator) as client:
        replay = Replay(Recording.load(folder_of(release)), Identifiers(client))
        story = tell(
            ProviderService(replay.answer),
            release=release,
            simulator=simulator,
            folder=tmp_path_factory.mktemp("recordings"),
        )
        yield ReplayedStory(story, set(sources(simulator, release)), simulator)


def test_plans_and_creates_all_layouts(replayed: ReplayedStory) -> None:
    assert len(replayed.layouts) > 50
    assert replayed.layouts >= {
        "with-one-disk",
        "with-two-controllers",
        "with-nvme-only",
        "with-ide-disk",
        "with-two-cd-roms",
    }
    assert replayed.story.plan == {f"vsphere_virtual_machine.{layout}": "create" for layout in replayed.layouts}
    assert replayed.story.made_state.keys() == replayed.layouts


def test_calls_no_method_on_a_created_clone(replayed: ReplayedStory) -> None:
    assert [call for layout in replayed.layouts for call in replayed.simulator.calls(clone_of(layout))] == []


def test_next_plan_is_empty(replayed: ReplayedStory) -> None:
    assert replayed.story.next_plan == {}


def test_disks_have_their_configured_labels(replayed: ReplayedStory) -> None:
    for states in (replayed.story.made_state, replayed.story.imported_state):
        assert {
            layout: [(disk["label"], disk["keep_on_remove"]) for disk in state["disk"]]
            for layout, state in states.items()
        } == {
            layout: [(f"disk{index}", False) for index in range(len(state["disk"]))] for layout, state in states.items()
        }


def test_imported_clone_has_the_created_state_and_an_empty_plan(replayed: ReplayedStory) -> None:
    assert replayed.story.imported_state == replayed.story.made_state
    assert replayed.story.plan_of_imported == {}
