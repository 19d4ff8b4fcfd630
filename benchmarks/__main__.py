"""`python -m benchmarks [--quick] [--only synth|look-up]`: measures, prints the tables, and says what was reached.

Exit code 1 if something could not be measured; a ratio that was not reached is told, and is no failure.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks import lookup, synth
from benchmarks.measuring import BenchmarkError, Measured
from benchmarks.targets import Target
from instant_clone.errors import InstantCloneError
from tests.support.simulator import SimulatorError

REPEATS = 3


def main() -> int:
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures synth and look-up.")
    parser.add_argument("--quick", action="store_true", help="one run of each instead of three")
    parser.add_argument("--only", choices=("synth", "look-up"), help="one of the two parts")
    chosen = parser.parse_args()
    repeats = 1 if chosen.quick else REPEATS
    console = Console(highlight=False)
    console.print(_machine(repeats), "")
    targets: list[Target] = []
    try:
        with console.status("") as status, TemporaryDirectory() as folder:
            if chosen.only != "look-up":
                found = synth.measure(Path(folder), repeats=repeats, told=lambda text: status.update(f"Synth: {text}"))
                console.print(_synth_table(found))
                targets += synth.targets(found)
            if chosen.only != "synth":
                found = lookup.measure(repeats=repeats, told=lambda text: status.update(f"Look-up: {text}"))
                console.print(_lookup_table(found))
                targets += lookup.targets(found)
    except KeyboardInterrupt:
        return 130
    except (BenchmarkError, SimulatorError, InstantCloneError) as error:
        print(f"This could not be measured: {error}", file=sys.stderr)
        return 1
    console.print(_target_table(targets))
    return 0


def _machine(repeats: int) -> str:
    runs = "one run of each" if repeats == 1 else f"medians of {repeats} runs of each, in turns"
    load = f", load {os.getloadavg()[0]:.1f} at the start"
    return f"{runs}; {os.cpu_count()} processors{load}; Python {platform.python_version()}, {platform.system()}"


def _synth_table(found: Mapping[str, Measured]) -> Table:
    memory = "Python and Node" if sys.platform == "linux" else "Python alone"
    table = Table(
        title="Synth, from a record, each in a process of its own",
        caption=f"CPU and memory are those of {memory}; memory is the sum of the peaks.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("synth of")
    for heading in ("seconds", "× empty", "CPU s", "× empty", "MB"):
        table.add_column(heading, justify="right")
    empty = found[synth.EMPTY]
    for name, run in found.items():
        table.add_row(
            name,
            f"{run.seconds:.2f}",
            f"{run.seconds / empty.seconds:.2f}",
            f"{run.cpu_seconds:.2f}",
            f"{run.cpu_seconds / empty.cpu_seconds:.2f}",
            f"{run.megabytes:.0f}",
        )
    return table


def _lookup_table(found: Mapping[str, Measured]) -> Table:
    table = Table(
        title="Look-up in the simulator, within a session: log-in and log-out are not included, on either side",
        caption="The loop goes over all VMs, as it could not tell otherwise whether a name or UUID is there twice, "
        "which the look-up tells, too; beside a path there stands the loop for names. Both sides end with the whole "
        f"configuration of each source. {lookup.SOURCES[-1]} sources among {lookup.VMS[0]} VMs are all of these.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("VMs", justify="right")
    table.add_column("sources", justify="right")
    table.add_column("found")
    for heading in ("requests", "seconds", "CPU s"):
        table.add_column(heading, justify="right")
    for vms in lookup.VMS:
        for sources in lookup.SOURCES:
            for way in lookup.WAYS:
                run = found[lookup.case(vms, sources, way)]
                numbers = f"{run.requests:,}", f"{run.seconds:.3f}", f"{run.cpu_seconds:.3f}"
                table.add_row(f"{vms:,}", str(sources), way, *numbers)
            table.add_section()
    return table


def _target_table(targets: Sequence[Target]) -> Table:
    table = Table(title="Reached", title_justify="left")
    table.add_column("what")
    table.add_column("to reach", justify="right")
    table.add_column("measured", justify="right")
    table.add_column("")
    for target in targets:
        verdict = "[green]reached[/]" if target.reached else "[red]not reached[/]"
        table.add_row(target.what, target.wanted, f"{target.found:.2f} ×", verdict)
    return table


if __name__ == "__main__":
    sys.exit(main())
