# SPDX-License-Identifier: MPL-2.0
"""Tests of the plugin's vCenter session: the first request opens it, and every path closes it."""

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
"""the maximum number of seconds for which a thread of these tests waits for another thread"""
_NO_STOCK_PROVIDER = cast(StockClient, None)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(5) as pool:
        yield pool


class Gate:
    """A log-in or log-out that blocks until the test releases it."""

    def __init__(self) -> None:
        self.entered, self.let_through, self.passed = threading.Event(), threading.Event(), threading.Event()

    def hold(self) -> None:
        """Block the calling thread until `let_through` is set."""
        self.entered.set()
        self.let_through.wait(_PATIENCE)
        self.passed.set()


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Block log-ins before they reach vCenter."""
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
def test_rejects_an_invalid_parallelism_before_the_login(
    simulator: Simulator, threads: ThreadPoolExecutor, written: str
) -> None:
    sources = _sources(simulator, INSTANT_CLONE_PARALLELISM=written)

    failures = list(threads.map(lambda _: _failure(sources), range(5)))

    assert (simulator.sessions(), simulator.requests().get("Login")) == (0, None)
    assert {type(failure) for failure in failures} == {CloneError}
    (expected,) = explained(cast(CloneError, failures[0]))
    assert (expected.summary, expected.detail) == (
        "Invalid INSTANT_CLONE_PARALLELISM",
        f"INSTANT_CLONE_PARALLELISM: must be a positive integer, not '{written}'. Set a positive integer, or unset it: "
        "the default is 8.",
    )


def test_logs_out_of_a_vcenter_without_instant_clone(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = _sources(simulator)
    with monkeypatch.context() as patched:
        patched.setattr(sessions, "OLDEST_VCENTER", (99, 0, 0))
        for _ in range(2):
            with pytest.raises(VcenterError, match="cannot instant-clone"):
                sources.cloner()
            assert simulator.sessions() == 0

    # The failed attempts leave no open connection.
    assert sources.cloner() is sources.cloner()
    assert simulator.sessions() == 1
    sources.close()
    assert simulator.sessions() == 0


def test_rejects_a_login_after_close(simulator: Simulator) -> None:
    sources = _sources(simulator)
    sources.cloner()
    sources.close()
    sources.close()

    with pytest.raises(ConnectError) as caught:
        sources.cloner()

    assert str(caught.value) == (
        "The plugin has logged out of vCenter, because Terraform stopped the plugin or exited. Run the command again."
    )
    assert (simulator.sessions(), simulator.requests()["Login"]) == (0, 1)


def test_a_login_that_ends_after_close_logs_out(
    simulator: Simulator, threads: ThreadPoolExecutor, log_in: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOGOUT_SECONDS", 0.1)
    sources = _sources(simulator)
    logins = [threads.submit(_failure, sources) for _ in range(3)]
    assert log_in.entered.wait(_PATIENCE)

    sources.close()

    # The call to close did not wait for the log-in.
    assert not log_in.passed.is_set()
    log_in.let_through.set()
    assert [type(each.result(_PATIENCE)) for each in logins] == [ConnectError] * 3
    assert (simulator.sessions(), simulator.requests()["Login"]) == (0, 1)


def test_close_waits_for_a_login_in_progress(
    simulator: Simulator, threads: ThreadPoolExecutor, log_in: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOGOUT_SECONDS", _PATIENCE)
    sources = _sources(simulator)
    login = threads.submit(_failure, sources)
    assert log_in.entered.wait(_PATIENCE)
    simulator.hold("Login")
    log_in.let_through.set()
    until(simulator.held, "the log-in")

    closing = threads.submit(sources.close)
    # `close` first sets this flag.
    until(lambda: sources._closed, "the start of close")
    assert not closing.done()
    simulator.release()
    closing.result(_PATIENCE)

    assert simulator.requests()["Logout"] == 1
    assert simulator.sessions() == 0
    login.result(_PATIENCE)


def test_close_does_not_wait_for_a_logout_without_response(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOGOUT_SECONDS", 0.1)
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
