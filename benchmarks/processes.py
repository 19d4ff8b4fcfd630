# SPDX-License-Identifier: MPL-2.0
"""What other processes used, as Linux tells it under /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["AVAILABLE", "cpu_seconds", "descendants", "peak_bytes", "peak_in"]

_PROC = Path("/proc")
AVAILABLE = (_PROC / "self" / "status").is_file()
"""elsewhere than on Linux there is no way to ask without another package"""
_USER_TICKS, _SYSTEM_TICKS = 11, 12
"""where /proc/PID/stat has them, counted behind the program's name"""


def descendants(pid: int) -> Iterator[int]:
    """The process's children, and theirs; OSError if one ends meanwhile."""
    for children in _PROC.glob(f"{pid}/task/*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from descendants(child)


def peak_bytes(pid: int) -> int:
    """The most memory that it has had in use until now; OSError if it is gone."""
    return peak_in((_PROC / str(pid) / "status").read_text())


def peak_in(status: str) -> int:
    """Bytes, out of what /proc/PID/status says; 0 for a process that is ending, which has no memory any more."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """What it has used until now; OSError if it is gone."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")
