"""Clones that differ from their source in what vSphere changes while they run."""

from __future__ import annotations

from tests.e2e.conftest import Bench
from tests.support.clone_stack import clones


def test_processors_memory_and_annotation_are_changed_at_once_while_the_clone_runs(bench: Bench) -> None:
    larger = {"num_cpus": 4, "memory": 8192, "annotation": "a larger one"}
    bench.terraform.write(clones(bench.source, bench.release, ["larger"], **larger))

    bench.terraform.apply()

    assert [call.method for call in bench.simulator.calls("larger")] == ["ReconfigVM_Task"]
    attributes = bench.terraform.attributes("larger")
    assert {name: attributes[name] for name in larger} == larger
    assert bench.terraform.plan() == {}


def test_memory_cannot_be_taken_from_a_running_clone(bench: Bench) -> None:
    bench.terraform.write(clones(bench.source, bench.release, ["smaller"], memory=2048))

    (refused,) = bench.terraform.run("plan").errors

    assert refused.summary == "Configuration would power-cycle the clone"
    assert "  memory: the source has 4096, configured is 2048." in refused.detail
