# SPDX-License-Identifier: MPL-2.0
"""A TCP forwarder on loopback that can interrupt connections, to imitate a server that restarts."""

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
    """A context manager that listens on a free port and forwards each connection to another address.

    - `cut` closes all connections and refuses new ones until `restore`.
    - `turn_away` accepts new connections and closes them immediately.

    The port does not change.

    Raises:
        OSError: no port is free.
    """

    def __init__(self, address: str) -> None:
        """Forward connections to `address`, such as "127.0.0.1:40123"."""
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        # This socket never listens. It only reserves the port for this process.
        self._keeper = _bound(0)
        self._port: int = self._keeper.getsockname()[1]
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._turned_away = 0

    @property
    def address(self) -> str:
        """Return the host and port for clients."""
        return f"{_LOOPBACK}:{self._port}"

    @property
    def turned_away(self) -> int:
        """Return the number of new connections that were closed immediately because of `turn_away`."""
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
        """Accept and forward new connections."""
        self._listen(self._forward)

    def turn_away(self) -> int:
        """Close all connections, and close new ones immediately. Return the number of closed connections."""
        ended = self.cut()
        self._listen(self._close)
        return ended

    def _listen(self, serve: Callable[[socket.socket, socket.socket], None]) -> None:
        listener = _bound(self._port)
        listener.listen(128)
        with self._lock:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()

    def cut(self) -> int:
        """Close all connections, and refuse new ones. Return the number of closed connections."""
        with self._lock:
            listener, self._listener = self._listener, None
            ended = list(self._connections)
        if listener is not None:
            # close() alone does not interrupt accept() in the other thread.
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

    def _close(self, client: socket.socket, _: socket.socket) -> None:
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
    """Forward data in both directions until one side closes its connection."""
    with selectors.DefaultSelector() as readable:
        readable.register(one, selectors.EVENT_READ, other)
        readable.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in readable.select():
                data = key.fileobj.recv(_CHUNK_BYTES)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)
