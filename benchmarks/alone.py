# SPDX-License-Identifier: MPL-2.0
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
from pathlib import Path

from benchmarks import processes

__all__ = ["main"]

_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Runs the script as if it were the program."""
    report, script = map(Path, sys.argv[1:3])
    sys.argv = sys.argv[2:]
    runpy.run_path(str(script), run_name="__main__")
    memory = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_PER_UNIT)
    cpu_seconds = time.process_time()
    # Elsewhere than on Linux, Node is left out: there is no way to ask without another package.
    for pid in processes.descendants(os.getpid()) if processes.AVAILABLE else ():
        memory += processes.peak_bytes(pid)
        cpu_seconds += processes.cpu_seconds(pid)
    report.write_text(json.dumps({"cpu_seconds": cpu_seconds, "megabytes": memory / 1_000_000}))


if __name__ == "__main__":
    main()
