# SPDX-License-Identifier: MPL-2.0
"""`python -m benchmarks [--quick] [--only PART] [--many]`: measures, prints the tables, and says what was reached.

Exit code 1 if something could not be measured; a figure that was not reached is told, and is no failure.
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
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=f"Measures {', '.join(PARTS)}.")
    parser.add_argument("--quick", action="store_true", help="one run of each instead of three")
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    parser.add_argument("--many", action="store_true", help=f"apply {apply.MANY} clones, too, which takes minutes")
    chosen = parser.parse_args()
    repeats = 1 if chosen.quick else REPEATS
    console = Console(highlight=False)
    console.print(_machine(repeats), "")
    targets: list[Target] = []
    try:
        with console.status("") as status, TemporaryDirectory() as folder:
            for part in [chosen.only] if chosen.only else PARTS:

                def told(text: str, part: str = part) -> None:
                    status.update(f"{part.capitalize()}: {text}")

                table, wanted = _measured(part, Path(folder, part), repeats=repeats, many=chosen.many, told=told)
                console.print(table)
                targets += wanted
    except KeyboardInterrupt:
        return 130
    except (BenchmarkError, SimulatorError, StockError, InstantCloneError) as error:
        print(f"This could not be measured: {error}", file=sys.stderr)
        return 1
    console.print(tables.target_table(targets))
    return 0


def _measured(
    part: str, folder: Path, *, repeats: int, many: bool, told: Callable[[str], None]
) -> tuple[Table, list[Target]]:
    """The table of a part, and what it is to reach. `folder` is not there yet."""
    if part == "synth":
        folder.mkdir()
        found = synth.measure(folder, repeats=repeats, told=told)
        return tables.synth_table(found), synth.targets(found)
    if part == "look-up":
        found = lookup.measure(repeats=repeats, told=told)
        return tables.lookup_table(found), lookup.targets(found)
    if part == "plan":
        found = plan.measure(folder, stock_provider(), repeats=repeats, told=told)
        return tables.plan_table(found), plan.targets(found)
    found = apply.measure(folder, stock_provider(), repeats=repeats, many=many, told=told)
    return tables.apply_table(found), apply.targets(found)


def _machine(repeats: int) -> str:
    runs = "one run of each" if repeats == 1 else f"medians of {repeats} runs of each, in turns"
    load = f", load {os.getloadavg()[0]:.1f} at the start"
    return f"{runs}; {os.cpu_count()} processors{load}; Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    sys.exit(main())
