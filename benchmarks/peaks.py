# SPDX-License-Identifier: MPL-2.0
"""The memory of some of a running program's processes, looked at again and again until it ends."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import processes

__all__ = ["Peaks"]

_PAUSE_SECONDS = 0.03


class Peaks:
    """Looks for the descendants of a process whose command has a word in it, within a `with` block.

    The kernel keeps each one's peak, so that only what comes between the last look and its end is missed. Nothing is
    found elsewhere than on Linux.
    """

    def __init__(self, root: int, word: str) -> None:
        """`root` is the process whose descendants are looked at, `word` a part of their command lines."""
        self._root, self._word = root, word.encode()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look_again, name="memory", daemon=True)
        self.megabytes = 0.0
        """the highest peak of a single one of them"""

    def __enter__(self) -> Self:
        if processes.AVAILABLE:
            self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        if processes.AVAILABLE:
            self._watch.join()

    def _look_again(self) -> None:
        while True:
            # A process may end between one look and the next.
            with contextlib.suppress(OSError):
                for pid in processes.descendants(self._root):
                    if self._word in Path(f"/proc/{pid}/cmdline").read_bytes():
                        self.megabytes = max(self.megabytes, processes.peak_bytes(pid) / 1_000_000)
            if self._over.wait(_PAUSE_SECONDS):
                return
