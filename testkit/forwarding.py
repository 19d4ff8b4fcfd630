# SPDX-License-Identifier: MPL-2.0
"""A TCP forwarder on loopback that can be taken away and given back, as a server that restarts is."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

__all__ = ["Forwarder"]

_CHUNK_BYTES = 65_536
_LOOPBACK = "127.0.0.1"


class Forwarder:
    """Hands every connection to a port of its own on to another address, as a context manager.

    `cut` ends all connections at once and refuses new ones, until `restore`; `turn_away` ends new ones as soon as they
    are made. The port stays the same meanwhile. OSError if there is no port to be had.
    """

    def __init__(self, address: str) -> None:
        """`address` is where to hand connections on to, such as "127.0.0.1:40123"."""
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        # It never listens: as long as it is there, nobody else gets the port.
        self._keeper = _bound(0)
        self._port: int = self._keeper.getsockname()[1]
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._turned_away = 0

    @property
    def address(self) -> str:
        """Host and port to connect to."""
        return f"{_LOOPBACK}:{self._port}"

    @property
    def turned_away(self) -> int:
        """The number of connections that were made after `turn_away`, and ended at once."""
        return self._turned_away

    def __enter__(self) -> Self:
        self.restore()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cut()
        self._keeper.close()

    def restore(self) -> None:
        """Accept connections, from now on or again."""
        self._listen(self._forward)

    def turn_away(self) -> int:
        """End all connections, and new ones as soon as they are made; the number of those that were there."""
        ended = self.cut()
        self._listen(self._end)
        return ended

    def _listen(self, serve: Callable[[socket.socket, socket.socket], None]) -> None:
        listener = _bound(self._port)
        listener.listen(128)
        with self._lock:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()

    def cut(self) -> int:
        """End all connections, and refuse new ones; the number of those that were ended."""
        with self._lock:
            listener, self._listener = self._listener, None
            ended = list(self._connections)
        if listener is not None:
            # Closing alone does not wake whoever accepts.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in ended:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        return len(ended)

    def _accept(self, listener: socket.socket, serve: Callable[[socket.socket, socket.socket], None]) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client, listener), daemon=True).start()

    def _end(self, client: socket.socket, _: socket.socket) -> None:
        client.close()
        with self._lock:
            self._turned_away += 1

    def _forward(self, client: socket.socket, listener: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            with self._lock:
                if self._listener is not listener:
                    return
                self._connections.add(client)
            try:
                _relay(client, server)
            finally:
                with self._lock:
                    self._connections.discard(client)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((_LOOPBACK, port))
    return bound


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Hand on what either of the two says, until one of them ends."""
    with selectors.DefaultSelector() as readable:
        readable.register(one, selectors.EVENT_READ, other)
        readable.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in readable.select():
                said = key.fileobj.recv(_CHUNK_BYTES)  # type: ignore[union-attr]
                if not said:
                    return
                key.data.sendall(said)
