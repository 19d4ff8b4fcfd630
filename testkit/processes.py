# SPDX-License-Identifier: MPL-2.0
"""Find the processes that a test has started, by an environment variable that /proc shows."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "marked", "until"]

_PROC = Path("/proc")
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """A process that was running at the time of the search."""

    pid: int
    command: str
    started: str
    """start time in clock ticks since boot; pid and start time together identify a process, because pids are reused"""

    @property
    def program(self) -> str:
        """Return the file name of the executable."""
        return self.command.split(" ", 1)[0].rpartition("/")[2]

    def runs(self) -> bool:
        """Return whether the process still runs. A zombie does not count."""
        return _start_time(self.pid) == self.started

    def kill(self) -> None:
        """Send SIGKILL to the process, if it still runs."""
        if self.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def marked(variable: str, value: str) -> list[Process]:
    """Return the running processes with this value of the environment variable `variable`."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            started = _start_time(int(folder.name))
            if started is not None:
                found.append(Process(int(folder.name), command, started))
    return found


def _start_time(pid: int) -> str | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def until(condition: Callable[[], object], what: str, *, seconds: float = 120) -> None:
    """Wait until a condition is true.

    Raises:
        AssertionError: the condition is still false after `seconds`. The message contains `what`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"Timed out after {seconds:g} s while waiting for {what}."
        time.sleep(_PAUSE_SECONDS)
