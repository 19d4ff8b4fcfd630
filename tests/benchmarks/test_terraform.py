# SPDX-License-Identifier: MPL-2.0
"""Tests of the benchmarks with Terraform: configurations, memory and targets."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from benchmarks import apply, plan, processes
from benchmarks.measuring import Measured
from benchmarks.peaks import Peaks
from benchmarks.side_by_side import without_plugin
from benchmarks.targets import MEGABYTES, SECONDS, Target


def test_stock_provider_gets_the_configuration_without_the_instantclone_block() -> None:
    configuration: dict[str, Any] = {
        "terraform": {"required_providers": {"vsphere": {"source": "instantclone.internal/fleet/vsphere"}}},
        "resource": {"vsphere_virtual_machine": {"vm": {"name": "a", "instantclone": [{"source_uuid": "1"}]}}},
    }
    assert without_plugin(configuration) == {
        "terraform": {"required_providers": {"vsphere": {"source": "stock.internal/vmware/vsphere"}}},
        "resource": {"vsphere_virtual_machine": {"vm": {"name": "a"}}},
    }
    assert "instantclone" in configuration["resource"]["vsphere_virtual_machine"]["vm"]


def test_reads_the_peak_memory_of_a_process_in_bytes() -> None:
    assert processes.peak_in("Name:\tpython\nVmHWM:\t   44000 kB\nVmRSS:\t   43000 kB\n") == 45_056_000


def test_peak_memory_of_a_zombie_process_is_zero() -> None:
    assert processes.peak_in("Name:\tpython\nState:\tZ (zombie)\n") == 0


@pytest.mark.skipif(not processes.AVAILABLE, reason="the usage of other processes is available on Linux only")
def test_keeps_the_highest_peak_of_a_single_matching_process() -> None:
    heavy = "kept = b'1' * 100_000_000; del kept; print(flush=True); input()"
    light, heavier = "print(flush=True); input()", heavy.replace("100", "300")
    parent = f"""
import subprocess, sys
for word, script in (("looked-for", {light!r}), ("looked-for", {heavy!r}), ("other", {heavier!r})):
    child = subprocess.Popen([sys.executable, "-c", script, word], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
print(flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with Peaks(process.pid, "looked-for") as peaks:
            pass
        process.communicate(b"\n")
    assert 100 < peaks.megabytes < 200


def test_plan_targets_compare_the_base_time_and_the_time_per_clone() -> None:
    found = {
        plan.case(0, plan.PLUGIN): Measured(1.0),
        plan.case(0, plan.STOCK): Measured(0.75),
        plan.case(100, plan.PLUGIN): Measured(5.0, megabytes=48),
        plan.case(100, plan.STOCK): Measured(4.75),
    }
    assert [(each.found, each.reached) for each in plan.targets(found)] == [(0.25, True), (1.0, True), (48, True)]


def test_plan_targets_omit_memory_that_was_not_measured() -> None:
    found = {plan.case(count, way): Measured(1.0 + count) for count in plan.COUNTS for way in plan.WAYS}
    assert len(plan.targets(found)) == 2


def test_apply_target_compares_with_the_sum_of_loop_and_imports() -> None:
    found = {
        apply.case(100, apply.PLUGIN): Measured(12),
        apply.case(100, apply.LOOP): Measured(1),
        apply.case(100, apply.IMPORTS): Measured(3),
        apply.DEPLOY: Measured(8.5),
    }
    assert [(each.found, each.reached) for each in apply.targets(found)] == [(3, True), (8.5, False)]


def test_apply_targets_include_memory_if_many_clones_were_measured() -> None:
    found = {apply.case(100, way): Measured(1) for way in apply.WAYS}
    found |= {apply.DEPLOY: Measured(5), apply.case(500, apply.PLUGIN): Measured(100, megabytes=61)}
    assert [(each.measured, each.wanted, each.reached) for each in apply.targets(found)][2:] == [
        ("61 MB", "≤ 60 MB", False)
    ]


@pytest.mark.parametrize(
    ("target", "wanted", "measured"),
    [
        (Target("", found=0.314, at_most=0.4, unit=SECONDS), "≤ 0.4 s", "0.31 s"),
        (Target("", found=44.4, at_most=50, unit=MEGABYTES), "≤ 50 MB", "44 MB"),
        (Target("", found=1.264, at_most=1.3), "≤ 1.3 × as long", "1.26 ×"),
    ],
)
def test_target_text_contains_the_unit(target: Target, wanted: str, measured: str) -> None:
    assert (target.wanted, target.measured) == (wanted, measured)
