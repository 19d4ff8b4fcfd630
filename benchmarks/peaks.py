# SPDX-License-Identifier: MPL-2.0
"""Sample the peak memory of the processes of a running program."""

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
    """A context manager that samples the peak memory of a process's descendants.

    The kernel records the peak of each process, so the samples miss only the time between the last sample and the end
    of the process. On other systems than Linux, no process is found.
    """

    def __init__(self, root: int, word: str) -> None:
        """Sample the descendants of the process `root` whose command line contains `word`."""
        self._root, self._word = root, word.encode()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._sample, name="memory", daemon=True)
        self.megabytes = 0.0
        """The highest peak of a single process, in megabytes."""

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

    def _sample(self) -> None:
        while True:
            # A process can end between the list of processes and the read of its files.
            with contextlib.suppress(OSError):
                for pid in processes.descendants(self._root):
                    if self._word in Path(f"/proc/{pid}/cmdline").read_bytes():
                        self.megabytes = max(self.megabytes, processes.peak_bytes(pid) / 1_000_000)
            if self._over.wait(_PAUSE_SECONDS):
                return
