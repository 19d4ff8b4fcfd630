# SPDX-License-Identifier: MPL-2.0
"""`python -m benchmarks [--quick] [--only PART] [--many]`: measure, and print the results and the targets.

The exit code is 1 if a measurement fails. A missed target is not a failure; the output shows it.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import apply, lookup, plan, synth, tables
from benchmarks.measuring import BenchmarkError
from benchmarks.targets import Target
from instant_clone.errors import InstantCloneError
from testkit.simulator import SimulatorError
from testkit.stock import StockError, stock_provider

REPEATS = 3
PARTS = ("synth", "look-up", "plan", "apply")


def main() -> int:
    """Run the requested measurements, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=f"Measure {', '.join(PARTS)}.")
    parser.add_argument("--quick", action="store_true", help="run each case once instead of three times")
    parser.add_argument("--only", choices=PARTS, help="run only this part")
    parser.add_argument("--many", action="store_true", help=f"also apply {apply.MANY} clones, which takes minutes")
    chosen = parser.parse_args()
    repeats = 1 if chosen.quick else REPEATS
    console = Console(highlight=False)
    console.print(_conditions(repeats), "")
    targets: list[Target] = []
    try:
        with console.status("") as status, TemporaryDirectory() as folder:
            for part in [chosen.only] if chosen.only else PARTS:

                def report_progress(text: str, part: str = part) -> None:
                    status.update(f"{part.capitalize()}: {text}")

                table, wanted = _measured(
                    part, Path(folder, part), repeats=repeats, many=chosen.many, report_progress=report_progress
                )
                console.print(table)
                targets += wanted
    except KeyboardInterrupt:
        return 130
    except (BenchmarkError, SimulatorError, StockError, InstantCloneError) as error:
        print(f"Benchmark failed: {error}", file=sys.stderr)
        return 1
    console.print(tables.target_table(targets))
    return 0


def _measured(
    part: str, folder: Path, *, repeats: int, many: bool, report_progress: Callable[[str], None]
) -> tuple[Table, list[Target]]:
    """Measure a part, and return its table and its targets. `folder` must not exist."""
    if part == "synth":
        folder.mkdir()
        found = synth.measure(folder, repeats=repeats, report_progress=report_progress)
        return tables.synth_table(found), synth.targets(found)
    if part == "look-up":
        found = lookup.measure(repeats=repeats, report_progress=report_progress)
        return tables.lookup_table(found), lookup.targets(found)
    if part == "plan":
        found = plan.measure(folder, stock_provider(), repeats=repeats, report_progress=report_progress)
        return tables.plan_table(found), plan.targets(found)
    found = apply.measure(folder, stock_provider(), repeats=repeats, many=many, report_progress=report_progress)
    return tables.apply_table(found), apply.targets(found)


def _conditions(repeats: int) -> str:
    runs = "one run of each" if repeats == 1 else f"medians of {repeats} runs of each, alternating"
    load = f", load {os.getloadavg()[0]:.1f} at the start"
    return f"{runs}; {os.cpu_count()} processors{load}; Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    sys.exit(main())
