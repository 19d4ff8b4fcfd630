# SPDX-License-Identifier: MPL-2.0
"""Processes of a test's own, found in /proc by a variable that only they have."""

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
    """A process that ran when it was looked for."""

    pid: int
    command: str
    started: str
    """in ticks since the machine's start: with the pid, it names a process for good"""

    @property
    def program(self) -> str:
        """The file name of what it runs."""
        return self.command.split(" ", 1)[0].rpartition("/")[2]

    def runs(self) -> bool:
        """Whether it is still there, and not just waiting to be reaped."""
        return _started(self.pid) == self.started

    def kill(self) -> None:
        """SIGKILL."""
        if self.runs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def marked(variable: str, value: str) -> list[Process]:
    """The running processes with that value of an environment variable."""
    wanted = f"{variable}={value}".encode()
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            started = _started(int(folder.name))
            if started is not None:
                found.append(Process(int(folder.name), command, started))
    return found


def _started(pid: int) -> str | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def until(condition: Callable[[], object], what: str, *, seconds: float = 120) -> None:
    """Waits for a condition; AssertionError that names it if it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(_PAUSE_SECONDS)
