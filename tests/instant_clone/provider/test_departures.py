from __future__ import annotations

import threading
from contextlib import suppress

from instant_clone.provider.departures import Departures


def test_a_vm_of_the_state_is_known_before_and_after_it_has_left() -> None:
    departures = Departures()
    assert "a" not in departures

    departures.know("a")
    with departures.leaving("b"):
        assert "a" in departures
        assert "b" in departures

    assert "b" in departures


def test_waiting_ends_when_the_vm_has_left() -> None:
    departures, begun, go_on = Departures(), threading.Event(), threading.Event()

    def destroy() -> None:
        with departures.leaving("a"):
            begun.set()
            go_on.wait(10)

    thread = threading.Thread(target=destroy)
    thread.start()
    begun.wait(10)
    threading.Timer(0.05, go_on.set).start()

    assert departures.wait_for("a", to_begin=0, to_end=10)
    thread.join()
    assert departures.wait_for("a", to_begin=0, to_end=0)


def test_a_departure_that_does_not_begin_is_not_waited_for() -> None:
    assert not Departures().wait_for("a", to_begin=0.01, to_end=10)


def test_a_departure_that_does_not_end_is_waited_for_so_long() -> None:
    departures = Departures()
    with departures.leaving("a"):
        assert not departures.wait_for("a", to_begin=0, to_end=0.01)


def test_a_destruction_that_fails_has_ended_too() -> None:
    departures = Departures()
    with suppress(ValueError), departures.leaving("a"):
        int("x")

    assert departures.wait_for("a", to_begin=0, to_end=0)
