# SPDX-License-Identifier: MPL-2.0
"""CPU time and memory of other processes, from Linux's /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["AVAILABLE", "cpu_seconds", "descendants", "peak_bytes", "peak_in"]

_PROC = Path("/proc")
AVAILABLE = (_PROC / "self" / "status").is_file()
"""whether /proc exists; other systems than Linux need another package to read the usage of a process"""
_USER_TICKS, _SYSTEM_TICKS = 11, 12
"""the indexes of these fields in the part of /proc/PID/stat after the program's name"""


def descendants(pid: int) -> Iterator[int]:
    """Yield the process ids of all descendants of `pid`. Raise OSError if a process ends during the search."""
    for children in _PROC.glob(f"{pid}/task/*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from descendants(child)


def peak_bytes(pid: int) -> int:
    """Return the process's peak memory in bytes. Raise OSError if the process has ended."""
    return peak_in((_PROC / str(pid) / "status").read_text())


def peak_in(status: str) -> int:
    """Return the peak memory in bytes from the text of /proc/PID/status; 0 for a zombie, which has no memory."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """Return the process's CPU time in seconds. Raise OSError if the process has ended."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")
