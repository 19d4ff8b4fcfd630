"""Sessions that vCenter ends while they are in use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from instant_clone.errors import LoginError
from instant_clone.vcenter.lookup import look_up
from instant_clone.vcenter.session import Session, connect, open_session
from tests.instant_clone.vcenter.conftest import settings_of
from tests.support.simulator import Simulator

pytestmark = pytest.mark.simulator


def _end(session: Session, simulator: Simulator) -> None:
    """As an administrator would."""
    manager = session.content.sessionManager
    assert manager is not None
    assert manager.currentSession is not None
    key = manager.currentSession.key
    with connect(settings_of(simulator)) as other:
        assert other.content.sessionManager is not None
        other.content.sessionManager.TerminateSession([key])


def test_a_session_that_vcenter_has_ended_is_renewed(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session:
        _end(session, simulator)
        simulator.requests(reset=True)

        assert look_up(session, "golden-web", datacenter="DC0").name == "golden-web"

        assert simulator.requests()["Login"] == 1
        _end(session, simulator)
        assert look_up(session, "golden-web", datacenter="DC0").name == "golden-web"
    assert simulator.sessions() == 0


def test_many_requests_that_meet_the_end_share_one_log_in(simulator: Simulator) -> None:
    with connect(settings_of(simulator)) as session, ThreadPoolExecutor(8) as threads:
        _end(session, simulator)
        simulator.requests(reset=True)

        found = list(threads.map(lambda _: look_up(session, "golden-web", datacenter="DC0").name, range(24)))

        assert found == ["golden-web"] * 24
        assert simulator.requests()["Login"] == 1
    assert simulator.sessions() == 0


def test_a_closed_session_is_not_renewed(simulator: Simulator) -> None:
    session = open_session(settings_of(simulator))
    session.close()

    with pytest.raises(LoginError, match="the session has ended"):
        look_up(session, "golden-web", datacenter="DC0")

    assert simulator.sessions() == 0
    session.service_instance._GetStub().DropConnections()


def test_a_log_in_that_is_refused_by_now_is_told(simulator: Simulator) -> None:
    settings = replace(settings_of(simulator), user="somebody")
    with connect(settings) as session:
        _end(session, simulator)
        simulator.fault("Login", "InvalidLogin", at="call")

        with pytest.raises(LoginError, match="refuses the user name or the password"):
            look_up(session, "golden-web", datacenter="DC0")
