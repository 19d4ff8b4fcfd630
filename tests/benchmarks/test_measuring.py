# SPDX-License-Identifier: MPL-2.0
"""Tests of measurements, medians and targets. The results do not depend on the speed of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.measuring import BenchmarkError, Measured, in_turns, medians, run_alone
from benchmarks.targets import Target

PROJECT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT)}


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_runs_all_cases_alternately() -> None:
    order: list[str] = []

    def case(name: str) -> Measured:
        order.append(name)
        return Measured(1)

    progress: list[str] = []
    in_turns({"a": lambda: case("a"), "b": lambda: case("b")}, repeats=2, each=progress.append)
    assert order == ["a", "b", "a", "b"]
    assert progress == ["a (1 of 2)", "b (1 of 2)", "a (2 of 2)", "b (2 of 2)"]


def test_medians_are_independent_per_value() -> None:
    runs = [Measured(1, 30, 200, 5), Measured(9, 10, 300, 5), Measured(2, 20, 100, 6)]
    assert medians({"a": runs}) == {"a": Measured(2, 20, 200, 5)}


def test_runs_a_script_as_main_program_in_the_folder_with_arguments(tmp_path: Path) -> None:
    text = "import sys; open(__name__, 'w').write(' '.join(sys.argv[1:]))"
    run_alone(script(tmp_path, text), "one", "two", folder=tmp_path, environment=environment())
    assert (tmp_path / "__main__").read_text() == "one two"


def test_measures_the_memory_of_a_script(tmp_path: Path) -> None:
    made = script(tmp_path, "kept = bytes(300_000_000).replace(b'\\0', b'1')")
    assert run_alone(made, folder=tmp_path, environment=environment()).megabytes > 300


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the usage of other processes is available on Linux only")
def test_measures_the_memory_of_child_processes(tmp_path: Path) -> None:
    child = "kept = b'1' * 300_000_000; print(flush=True); input()"
    text = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""
    assert run_alone(script(tmp_path, text), folder=tmp_path, environment=environment()).megabytes > 300


def test_failing_script_raises_an_error_with_its_output(tmp_path: Path) -> None:
    made = script(tmp_path, "import sys; sys.exit('no such fleet')")
    with pytest.raises(BenchmarkError, match=r"(?s)script\.py.*failed.*no such fleet"):
        run_alone(made, folder=tmp_path, environment=environment())


@pytest.mark.parametrize(
    ("target", "wanted", "reached"),
    [
        (Target("", found=1.3, at_most=1.3), "≤ 1.3 × as long", True),
        (Target("", found=1.31, at_most=1.3), "≤ 1.3 × as long", False),
        (Target("", found=6.0, at_least=6), "≥ 6 × as fast", True),
        (Target("", found=5.9, at_least=6), "≥ 6 × as fast", False),
    ],
)
def test_target_has_a_text_and_compares_the_value_with_the_limit(target: Target, wanted: str, reached: bool) -> None:
    assert (target.wanted, target.reached) == (wanted, reached)
