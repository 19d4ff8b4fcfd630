# SPDX-License-Identifier: MPL-2.0
"""`python -m benchmarks.alone REPORT SCRIPT ARGUMENT…`: run a script, then write its CPU time and memory to REPORT.

The usage of a process cannot be read after the process has ended. The way in which jsii waits for its Node process does
not add Node's usage to that of jsii. The script's process therefore reads its own usage and that of its children before
it ends.
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
    """Run the script as the main program, and write the report."""
    report, script = map(Path, sys.argv[1:3])
    sys.argv = sys.argv[2:]
    runpy.run_path(str(script), run_name="__main__")
    memory = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_PER_UNIT)
    cpu_seconds = time.process_time()
    # On other systems than Linux, the report does not include Node, because that would need another package.
    for pid in processes.descendants(os.getpid()) if processes.AVAILABLE else ():
        memory += processes.peak_bytes(pid)
        cpu_seconds += processes.cpu_seconds(pid)
    report.write_text(json.dumps({"cpu_seconds": cpu_seconds, "megabytes": memory / 1_000_000}))


if __name__ == "__main__":
    main()
