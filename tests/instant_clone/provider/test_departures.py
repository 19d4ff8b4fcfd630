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

    assert departures.wait_for("a", patience=0, seconds=10)
    thread.join()
    assert departures.wait_for("a", patience=0, seconds=0)


def test_a_departure_that_does_not_begin_is_not_waited_for() -> None:
    assert not Departures().wait_for("a", patience=0.01, seconds=10)


def test_a_departure_that_does_not_end_is_waited_for_so_long() -> None:
    departures = Departures()
    with departures.leaving("a"):
        assert not departures.wait_for("a", patience=0, seconds=0.01)


def test_a_destruction_that_fails_has_ended_too() -> None:
    departures = Departures()
    with suppress(ValueError), departures.leaving("a"):
        int("x")

    assert departures.wait_for("a", patience=0, seconds=0)


def test_a_departure_is_waited_for_as_long_as_somebody_works_who_may_lead_to_it() -> None:
    departures, begun, go_on = Departures(), threading.Event(), threading.Event()

    def work() -> None:
        with departures.working():
            begun.set()
            go_on.wait(10)
        with departures.leaving("a"):
            pass

    thread = threading.Thread(target=work)
    with departures.working():
        thread.start()
        begun.wait(10)
        threading.Timer(0.2, go_on.set).start()
        assert departures.wait_for("a", patience=0.05, seconds=10)
    thread.join()


def test_those_who_wait_for_one_another_give_up_one_by_one() -> None:
    """The first that does makes room for the departures of the others."""
    departures, all_wait = Departures(), threading.Barrier(3)
    given_up: list[str] = []

    def create(uuid: str) -> None:
        with departures.working():
            all_wait.wait(10)
            if departures.wait_for(uuid, patience=2, seconds=30):
                return
            given_up.append(uuid)
        for other in {"a", "b", "c"} - {uuid}:
            with departures.working(), departures.leaving(other):
                pass

    threads = [threading.Thread(target=create, args=(uuid,)) for uuid in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(given_up) == 1


def test_a_vm_is_taken_over_or_leaves_and_never_both() -> None:
    departures = Departures()

    assert departures.take_over("a")
    with departures.leaving("a") as may_go:
        assert not may_go
    with departures.leaving("b") as may_go:
        assert may_go
        assert not departures.take_over("b")
    assert not departures.take_over("b")
