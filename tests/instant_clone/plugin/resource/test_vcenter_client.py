# SPDX-License-Identifier: MPL-2.0
"""The provider's one session with vCenter: opened once, by whoever is first, and ended whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from instant_clone.errors import CloneError, ConnectError, InstantCloneError, VcenterError
from instant_clone.plugin.resource import vcenter_client as module
from instant_clone.plugin.resource.diagnostics import explained
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.vcenter.session import connection as sessions
from instant_clone.vcenter.session.connection import ConnectionSettings, Session
from testkit.processes import until
from testkit.simulator import Simulator

pytestmark = pytest.mark.simulator

_PATIENCE = 120
"""seconds for which a thread of these tests waits for another, if it waits in vain"""
_NO_STOCK_PROVIDER = cast(StockClient, None)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(5) as pool:
        yield pool


class Gate:
    """A log-in, or a log-out, that is under way until it is let through."""

    def __init__(self) -> None:
        self.entered, self.let_through, self.passed = threading.Event(), threading.Event(), threading.Event()

    def hold(self) -> None:
        """Called by whoever logs in or out."""
        self.entered.set()
        self.let_through.wait(_PATIENCE)
        self.passed.set()


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Holds log-ins before they reach vCenter."""
    gate, really = Gate(), sessions.open_session

    def held(settings: ConnectionSettings) -> Session:
        gate.hold()
        return really(settings)

    monkeypatch.setattr(sessions, "open_session", held)
    return gate


def _sources(simulator: Simulator, **environ: str) -> VcenterClient:
    return VcenterClient(_NO_STOCK_PROVIDER, simulator.environment(base={}) | environ)


def _failure(sources: VcenterClient) -> BaseException | None:
    try:
        sources.cloner()
    except InstantCloneError as failure:
        return failure
    return None


def test_all_threads_share_one_session(simulator: Simulator, threads: ThreadPoolExecutor) -> None:
    sources = _sources(simulator)

    cloners = set(threads.map(lambda _: sources.cloner(), range(5)))

    assert len(cloners) == 1
    assert simulator.sessions() == 1
    sources.close()
    assert (simulator.sessions(), simulator.requests()["Login"]) == (0, 1)


@pytest.mark.parametrize("written", ["0", "many", "-1", "2.5"])
def test_a_wrong_parallelism_is_told_before_anybody_logs_in(
    simulator: Simulator, threads: ThreadPoolExecutor, written: str
) -> None:
    sources = _sources(simulator, INSTANT_CLONE_PARALLELISM=written)

    failures = list(threads.map(lambda _: _failure(sources), range(5)))

    assert (simulator.sessions(), simulator.requests().get("Login")) == (0, None)
    assert {type(failure) for failure in failures} == {CloneError}
    (said,) = explained(cast(CloneError, failures[0]))
    assert (said.summary, said.detail) == (
        "INSTANT_CLONE_PARALLELISM is wrong",
        f"INSTANT_CLONE_PARALLELISM is '{written}', which is no number of clones. Write one from 1 on, or unset it: "
        "8 is usual.",
    )


def test_a_vcenter_that_cannot_instant_clone_is_logged_out_of(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = _sources(simulator)
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "OLDEST_VCENTER", (99, 0, 0))
        for _ in range(2):
            with pytest.raises(VcenterError, match="cannot instant-clone"):
                sources.cloner()
            assert simulator.sessions() == 0

    # Nothing half-made was kept.
    assert sources.cloner() is sources.cloner()
    assert simulator.sessions() == 1
    sources.close()
    assert simulator.sessions() == 0


def test_once_closed_nobody_logs_in(simulator: Simulator) -> None:
    sources = _sources(simulator)
    sources.cloner()
    sources.close()
    sources.close()

    with pytest.raises(ConnectError) as caught:
        sources.cloner()

    assert str(caught.value) == (
        "The plugin has left vCenter, because Terraform has ended it or is gone. Run the command again."
    )
    assert (simulator.sessions(), simulator.requests()["Login"]) == (0, 1)


def test_a_log_in_that_comes_out_after_the_end_logs_out_by_itself(
    simulator: Simulator, threads: ThreadPoolExecutor, log_in: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GOODBYE_SECONDS", 0.1)
    sources = _sources(simulator)
    asked = [threads.submit(_failure, sources) for _ in range(3)]
    assert log_in.entered.wait(_PATIENCE)

    sources.close()

    # It was not waited for.
    assert not log_in.passed.is_set()
    log_in.let_through.set()
    assert [type(each.result(_PATIENCE)) for each in asked] == [ConnectError] * 3
    assert (simulator.sessions(), simulator.requests()["Login"]) == (0, 1)


def test_the_end_leaves_a_log_in_the_time_to_log_out(
    simulator: Simulator, threads: ThreadPoolExecutor, log_in: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GOODBYE_SECONDS", _PATIENCE)
    sources = _sources(simulator)
    asked = threads.submit(_failure, sources)
    assert log_in.entered.wait(_PATIENCE)
    simulator.hold("Login")
    log_in.let_through.set()
    until(simulator.held, "the log-in")

    closing = threads.submit(sources.close)
    # It has begun once nobody is let in any more.
    until(lambda: sources._closed, "the end to begin")
    assert not closing.done()
    simulator.release()
    closing.result(_PATIENCE)

    assert simulator.requests()["Logout"] == 1
    assert simulator.sessions() == 0
    asked.result(_PATIENCE)


def test_a_log_out_that_vcenter_does_not_answer_is_not_waited_for(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GOODBYE_SECONDS", 0.1)
    log_out, left, really = Gate(), threading.Event(), Session.close

    def held(session: Session) -> None:
        log_out.hold()
        really(session)
        left.set()

    monkeypatch.setattr(Session, "close", held)
    sources = _sources(simulator)
    sources.cloner()

    sources.close()

    assert log_out.entered.wait(_PATIENCE)
    assert not log_out.passed.is_set()
    log_out.let_through.set()
    assert left.wait(_PATIENCE)
