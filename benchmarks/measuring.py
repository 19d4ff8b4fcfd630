# SPDX-License-Identifier: MPL-2.0
"""Measuring programs and functions side by side: several times in turns, so that all of them meet the same machine."""

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
    """Something could not be measured."""


@dataclass(frozen=True)
class Measured:
    """What one run took."""

    seconds: float
    """of wall clock: for a program, from its start to its end"""
    cpu_seconds: float = 0
    """of all its processes together, without those that end a program"""
    megabytes: float = 0
    """of memory: the peaks of all its processes, added up"""
    requests: int = 0
    """that the vCenter got"""


def run_alone(script: Path, *arguments: str, folder: Path, environment: Mapping[str, str]) -> Measured:
    """Run a Python script with `arguments` in a process of its own. Raises BenchmarkError if it fails."""
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
            raise BenchmarkError(f"{script.name} took more than {TIMEOUT_SECONDS} s") from None
        seconds = time.perf_counter() - begun
        if ended.returncode or not report.is_file():
            raise BenchmarkError(f"{script.name} {' '.join(arguments)} failed:\n{ended.stdout}{ended.stderr}".rstrip())
        used = json.loads(report.read_text())
    return Measured(seconds, cpu_seconds=used["cpu_seconds"], megabytes=used["megabytes"])


def in_turns(
    cases: Mapping[str, Callable[[], Measured]], *, repeats: int, each: Callable[[str], None]
) -> dict[str, list[Measured]]:
    """Run all cases one after the other, `repeats` times; `each` is told the name of what runs next."""
    found: dict[str, list[Measured]] = {name: [] for name in cases}
    for turn in range(repeats):
        for name, case in cases.items():
            each(f"{name} ({turn + 1} of {repeats})")
            found[name].append(case())
    return found


def medians(runs: Mapping[str, list[Measured]]) -> dict[str, Measured]:
    """The median of each value by itself."""
    return {
        name: Measured(
            seconds=median(run.seconds for run in several),
            cpu_seconds=median(run.cpu_seconds for run in several),
            megabytes=median(run.megabytes for run in several),
            requests=round(median(run.requests for run in several)),
        )
        for name, several in runs.items()
    }
