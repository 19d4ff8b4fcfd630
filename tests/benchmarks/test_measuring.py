# SPDX-License-Identifier: MPL-2.0
"""How measurements are taken, summed up and judged; nothing here depends on how fast this machine is."""

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


def test_cases_take_turns_so_that_all_meet_the_same_machine() -> None:
    order: list[str] = []

    def case(name: str) -> Measured:
        order.append(name)
        return Measured(1)

    told: list[str] = []
    in_turns({"a": lambda: case("a"), "b": lambda: case("b")}, repeats=2, each=told.append)
    assert order == ["a", "b", "a", "b"]
    assert told == ["a (1 of 2)", "b (1 of 2)", "a (2 of 2)", "b (2 of 2)"]


def test_the_median_of_each_value_is_taken_by_itself() -> None:
    runs = [Measured(1, 30, 200, 5), Measured(9, 10, 300, 5), Measured(2, 20, 100, 6)]
    assert medians({"a": runs}) == {"a": Measured(2, 20, 200, 5)}


def test_a_script_runs_as_the_program_in_the_given_folder_with_its_arguments(tmp_path: Path) -> None:
    text = "import sys; open(__name__, 'w').write(' '.join(sys.argv[1:]))"
    run_alone(script(tmp_path, text), "one", "two", folder=tmp_path, environment=environment())
    assert (tmp_path / "__main__").read_text() == "one two"


def test_the_memory_of_a_script_is_measured(tmp_path: Path) -> None:
    made = script(tmp_path, "kept = bytes(300_000_000).replace(b'\\0', b'1')")
    assert run_alone(made, folder=tmp_path, environment=environment()).megabytes > 300


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="other processes can be looked at on Linux only")
def test_the_memory_of_children_counts_too(tmp_path: Path) -> None:
    child = "kept = b'1' * 300_000_000; print(flush=True); input()"
    text = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
"""
    assert run_alone(script(tmp_path, text), folder=tmp_path, environment=environment()).megabytes > 300


def test_a_script_that_fails_is_an_error_with_what_it_said(tmp_path: Path) -> None:
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
def test_a_target_says_what_it_wants_and_whether_it_is_reached(target: Target, wanted: str, reached: bool) -> None:
    assert (target.wanted, target.reached) == (wanted, reached)
