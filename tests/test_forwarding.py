# SPDX-License-Identifier: MPL-2.0
"""Tests of the forwarder. Other tests use it to interrupt the connection to a server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from testkit.forwarding import Forwarder
from testkit.processes import until


@pytest.fixture
def echo() -> Iterator[str]:
    """Yield the address of an echo server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data)

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


def _echoed(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return connection.recv(100)


def test_forwards_data_in_both_directions(echo: str) -> None:
    with Forwarder(echo) as forwarder, _connect(forwarder) as one, _connect(forwarder) as other:
        assert _echoed(one, b"one") == b"one"
        assert _echoed(other, b"other") == b"other"


def test_cut_ends_connections_and_refuses_new_ones_until_restore(echo: str) -> None:
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


def test_counts_connections_closed_by_turn_away(echo: str) -> None:
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
