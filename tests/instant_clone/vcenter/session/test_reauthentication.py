# SPDX-License-Identifier: MPL-2.0
"""Tests of sessions that vCenter ends while they are in use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPResponse, HTTPSConnection
from typing import cast

import pytest
from pyVmomi import vim

from instant_clone.errors import LoginError
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import Session, connect, open_session
from instant_clone.vcenter.session.reauthentication import RenewingStub
from testkit.simulator import Simulator
from tests.instant_clone.vcenter.conftest import settings_of

pytestmark = pytest.mark.simulator


def _end(session: Session, simulator: Simulator) -> None:
    """End a session with another session, as an administrator does."""
    manager = session.content.sessionManager
    assert manager is not None
    assert manager.currentSession is not None
    key = manager.currentSession.key
    with connect(settings_of(simulator)) as other:
        assert other.content.sessionManager is not None
        other.content.sessionManager.TerminateSession([key])


def test_logs_in_again_after_vcenter_ended_the_session(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        _end(session, simulator)
        simulator.requests(reset=True)

        assert look_up(session, "golden-web", datacenter="DC0").name == "golden-web"

        assert simulator.requests()["Login"] == 1
        _end(session, simulator)
        assert look_up(session, "golden-web", datacenter="DC0").name == "golden-web"
    assert simulator.sessions() == 0


def test_concurrent_requests_share_one_login(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session, ThreadPoolExecutor(8) as threads:
        _end(session, simulator)
        simulator.requests(reset=True)

        found = list(threads.map(lambda _: look_up(session, "golden-web", datacenter="DC0").name, range(24)))

        assert found == ["golden-web"] * 24
        assert simulator.requests()["Login"] == 1
    assert simulator.sessions() == 0


def test_closed_session_does_not_log_in_again(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    session.close()

    with pytest.raises(LoginError, match="the session has ended"):
        look_up(session, "golden-web", datacenter="DC0")

    assert simulator.sessions() == 0
    session.service_instance._GetStub().DropConnections()


def test_reports_a_refused_second_login(simulator: Simulator) -> None:
    settings = replace(settings_of(simulator), user="somebody")
    with connect(settings) as session:
        _end(session, simulator)
        simulator.fault("Login", "InvalidLogin", at="call")

        with pytest.raises(LoginError, match="refuses the user name or the password"):
            look_up(session, "golden-web", datacenter="DC0")


def test_late_answer_does_not_replace_the_new_session(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """VCenter may send a new cookie with the answer that a request has no session."""
    held, renewed = threading.Event(), threading.Event()

    class HandingOutCookies(HTTPSConnection):
        def getresponse(self) -> HTTPResponse:
            answer = super().getresponse()
            if answer.status == 500:
                answer.headers["Set-Cookie"] = 'vmware_soap_session="unused"; Path=/; HttpOnly; Secure'
                if threading.current_thread() is not threading.main_thread():
                    held.set()
                    renewed.wait(120)
            return answer

    with connect(settings_of(simulator)) as session, ThreadPoolExecutor(1) as threads:
        stub = _stub(session)
        stub.DropConnections()  # type: ignore[no-untyped-call]
        monkeypatch.setattr(stub, "scheme", HandingOutCookies)
        _end(session, simulator)
        simulator.requests(reset=True)
        late = threads.submit(_name_of_root, session)
        assert held.wait(120)

        assert _name_of_root(session) == "Datacenters"
        renewed.set()

        assert late.result(120) == "Datacenters"
        assert _name_of_root(session) == "Datacenters"
        assert simulator.requests()["Login"] == 1
    assert simulator.sessions() == 0


def test_session_that_closes_during_a_login_ends(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    manager = cast(vim.SessionManager, session.content.sessionManager)

    def log_in_late() -> None:
        session.close()
        manager.Login(simulator.user, simulator.password, None)

    _stub(session).renew_with(log_in_late)
    _end(session, simulator)

    with pytest.raises(LoginError, match="the session has ended"):
        look_up(session, "golden-web", datacenter="DC0")

    assert simulator.requests()["Login"] == 3  # one of them is the administrator's login
    assert simulator.sessions() == 0
    _stub(session).DropConnections()  # type: ignore[no-untyped-call]


def _stub(session: Session) -> RenewingStub:
    return cast(RenewingStub, session.service_instance._GetStub())


def _name_of_root(session: Session) -> str:
    """Return the name of the root folder. Without a session, the simulator answers the request with a fault."""
    return session.content.rootFolder.name
