"""`python -m benchmarks.alone REPORT SCRIPT ARGUMENT…`: run a script, then write what its processes used.

A process cannot be asked from outside once it has ended, and jsii does not wait for its Node in a way that hands on
what Node used. So the script's own process looks, at the very end, at itself and at its children.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["main"]

_PROC = Path("/proc")
_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
_USER_TICKS, _SYSTEM_TICKS = 11, 12
"""where /proc/PID/stat has them, counted behind the program's name"""


def main() -> None:
    """Runs the script as if it were the program."""
    report, script = map(Path, sys.argv[1:3])
    sys.argv = sys.argv[2:]
    runpy.run_path(str(script), run_name="__main__")
    memory = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_PER_UNIT)
    cpu_seconds = time.process_time()
    # Elsewhere than on Linux, Node is left out: there is no way to ask without another package.
    for pid in _descendants(os.getpid()) if _PROC.is_dir() else ():
        memory += _peak_bytes(pid)
        cpu_seconds += _cpu_seconds(pid)
    report.write_text(json.dumps({"cpu_seconds": cpu_seconds, "megabytes": memory / 1_000_000}))


def _descendants(pid: int) -> Iterator[int]:
    for children in _PROC.glob(f"{pid}/task/*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _descendants(child)


def _peak_bytes(pid: int) -> int:
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu_seconds(pid: int) -> float:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
