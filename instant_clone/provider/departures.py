"""The VMs of Terraform's state, and those that this apply takes out of it.

Terraform orders nothing between a clone that gives a name up and one that takes it over: both are under way at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Departures"]


class Departures:
    """Which VMs Terraform knows, by UUID, and which of them are being destroyed. Safe for several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._known: set[str] = set()
        self._leaving: set[str] = set()
        self._left: set[str] = set()
        self._taken_over: set[str] = set()

    def __contains__(self, uuid: object) -> bool:
        """Whether the state has, or had, a VM with that UUID."""
        with self._changed:
            return uuid in self._known

    def know(self, uuid: str) -> None:
        """Notes a VM that the state has."""
        with self._changed:
            self._known.add(uuid)

    def take_over(self, uuid: str) -> None:
        """Notes a VM that another address of the state has taken over: it must not be destroyed any more."""
        with self._changed:
            self._known.add(uuid)
            self._taken_over.add(uuid)

    def is_taken_over(self, uuid: str) -> bool:
        """Whether another address has the VM now."""
        with self._changed:
            return uuid in self._taken_over

    @contextmanager
    def leaving(self, uuid: str) -> Iterator[None]:
        """Within the block, that VM is being destroyed; what comes of it does not matter here."""
        with self._changed:
            self._known.add(uuid)
            self._leaving.add(uuid)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._leaving.discard(uuid)
                self._left.add(uuid)
                self._changed.notify_all()

    def wait_for(self, uuid: str, *, to_begin: float, to_end: float) -> bool:
        """Waits until an attempt to destroy that VM has ended; False if it does not.

        `to_begin` are the seconds within which it has to begin, and `to_end` those within which it has to end.
        """
        begin = time.monotonic()
        with self._changed:
            while uuid not in self._left:
                limit = to_end if uuid in self._leaving else to_begin
                left = begin + limit - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True
