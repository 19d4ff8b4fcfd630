# SPDX-License-Identifier: MPL-2.0
"""The forwarder by which tests take a server away for a while."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from testkit.forwarding import Forwarder
from testkit.processes import until


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of a server that answers each connection with what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(connection: socket.socket) -> None:
            with connection:
                while said := connection.recv(100):
                    connection.sendall(said)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _connect(forwarder: Forwarder) -> socket.socket:
    host, _, port = forwarder.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def _echoed(connection: socket.socket, said: bytes) -> bytes:
    connection.sendall(said)
    return connection.recv(100)


def test_what_is_said_is_handed_on_to_the_server_and_back(echo: str) -> None:
    with Forwarder(echo) as forwarder, _connect(forwarder) as one, _connect(forwarder) as other:
        assert _echoed(one, b"one") == b"one"
        assert _echoed(other, b"other") == b"other"


def test_a_cut_ends_what_is_connected_and_refuses_what_comes_until_it_is_restored(echo: str) -> None:
    with Forwarder(echo) as forwarder:
        with _connect(forwarder) as before:
            assert _echoed(before, b"there") == b"there"
            assert forwarder.cut() == 1
            assert before.recv(100) == b""
            with pytest.raises(ConnectionRefusedError):
                _connect(forwarder)
        address = forwarder.address

        forwarder.restore()

        assert forwarder.address == address
        with _connect(forwarder) as after:
            assert _echoed(after, b"again") == b"again"


def test_connections_that_are_turned_away_are_counted(echo: str) -> None:
    with Forwarder(echo) as forwarder:
        with _connect(forwarder) as before:
            assert _echoed(before, b"there") == b"there"
            assert forwarder.turn_away() == 1
            assert before.recv(100) == b""
        for _ in range(2):
            with _connect(forwarder) as away:
                assert away.recv(100) == b""
        until(lambda: forwarder.turned_away == 2, "both connections to be counted")
        forwarder.cut()

        forwarder.restore()

        with _connect(forwarder) as after:
            assert _echoed(after, b"again") == b"again"
