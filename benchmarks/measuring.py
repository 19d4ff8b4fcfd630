# SPDX-License-Identifier: MPL-2.0
"""Measurement of programs and functions. The runs alternate, so that all cases run under the same machine load."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

__all__ = ["BenchmarkError", "Measured", "in_turns", "medians", "run_alone"]

TIMEOUT_SECONDS = 600


class BenchmarkError(Exception):
    """A case cannot be measured."""


@dataclass(frozen=True)
class Measured:
    """The time, memory and requests of one run."""

    seconds: float
    """Wall-clock seconds; for a program, from its start to its end."""
    cpu_seconds: float = 0
    """CPU seconds of all processes together, without the shutdown of a program."""
    megabytes: float = 0
    """Memory in megabytes: the sum of the peaks of all processes."""
    requests: int = 0
    """The number of requests to vCenter."""


def run_alone(script: Path, *arguments: str, folder: Path, environment: Mapping[str, str]) -> Measured:
    """Run a Python script with `arguments` in a separate process, and return its measurement.

    Raises:
        BenchmarkError: the script fails.
    """
    with TemporaryDirectory() as temporary:
        report = Path(temporary, "report.json")
        command = [sys.executable, "-m", "benchmarks.alone", str(report), str(script), *arguments]
        begun = time.perf_counter()
        try:
            ended = subprocess.run(
                command,
                check=False,
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise BenchmarkError(f"{script.name}: no result within {TIMEOUT_SECONDS} s") from None
        seconds = time.perf_counter() - begun
        if ended.returncode or not report.is_file():
            raise BenchmarkError(f"{script.name} {' '.join(arguments)} failed:\n{ended.stdout}{ended.stderr}".rstrip())
        used = json.loads(report.read_text())
    return Measured(seconds, cpu_seconds=used["cpu_seconds"], megabytes=used["megabytes"])


def in_turns(
    cases: Mapping[str, Callable[[], Measured]], *, repeats: int, each: Callable[[str], None]
) -> dict[str, list[Measured]]:
    """Run the sequence of all cases `repeats` times, and return the runs by case.

    Before each run, call `each` with the name of the run.
    """
    found: dict[str, list[Measured]] = {name: [] for name in cases}
    for turn in range(repeats):
        for name, case in cases.items():
            each(f"{name} ({turn + 1} of {repeats})")
            found[name].append(case())
    return found


def medians(runs: Mapping[str, list[Measured]]) -> dict[str, Measured]:
    """Return the medians of the runs of each case. The median of each value is independent of the other values."""
    return {
        name: Measured(
            seconds=median(run.seconds for run in several),
            cpu_seconds=median(run.cpu_seconds for run in several),
            megabytes=median(run.megabytes for run in several),
            requests=round(median(run.requests for run in several)),
        )
        for name, several in runs.items()
    }
