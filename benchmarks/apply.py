# SPDX-License-Identifier: MPL-2.0
"""Apply: create clones through the plugin, compared with its two steps alone: cloning and import."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import naive
from benchmarks.measuring import BenchmarkError, Measured, in_turns, medians
from benchmarks.side_by_side import SideBySide, timed, without_plugin
from benchmarks.targets import MEGABYTES, SECONDS, Target
from instant_clone.vcenter.session.connection import ConnectionSettings, connect
from testkit.clone_stack import clones, source_of
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from testkit.workspace import Workspace

__all__ = ["COUNTS", "DEPLOY", "IMPORTS", "LOOP", "MANY", "PLUGIN", "SYNTH", "WAYS", "case", "measure", "targets"]

COUNTS = (20, 100)
PLUGIN, LOOP, IMPORTS = "through the plugin", "loop of InstantClone_Task", "imports by the stock provider"
WAYS = (PLUGIN, LOOP, IMPORTS)
MANY = 500
DEPLOY, SYNTH = "cdktf deploy of 3 clones", "cdktf synth of 3 clones"

_THREADS = 10
"""the number of concurrent operations of Terraform"""
_FLEET_FILE = """\
[fleets.web]
datacenter = "DC0"
datastore = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names = "web-{index}"

[[fleets.web.sources]]
vm = "golden"
count = 3
"""


def case(count: int, way: str) -> str:
    """Return the name of the case that creates or imports `count` clones with the method `way`."""
    return f"{count} clones, {way}"


def measure(
    folder: Path, stock: StockProvider, *, repeats: int, many: bool, report_progress: Callable[[str], None]
) -> dict[str, Measured]:
    """Measure all cases alternately, and return the medians.

    Each run uses a new simulator whose only VM is a frozen source. `folder` must not exist.
    The time of the loop does not include the log-in. `many` adds one run of MANY clones.

    Raises:
        BenchmarkError: A case cannot be measured.
    """
    report_progress("installing the providers")
    installed = SideBySide(folder, stock)
    numbers = itertools.count()
    cases: dict[str, Callable[[], Measured]] = {}
    for count in COUNTS:
        names = _names(count)
        cases[case(count, PLUGIN)] = partial(_through_the_plugin, installed, names, numbers)
        cases[case(count, LOOP)] = partial(_measure_loop, names)
        cases[case(count, IMPORTS)] = partial(_imports, installed, names, numbers)
    cases[SYNTH] = partial(_cdktf, folder, stock, numbers, "synth")
    cases[DEPLOY] = partial(_cdktf, folder, stock, numbers, "deploy", "web", "--auto-approve")
    report_progress("warm-up run")
    cases[case(COUNTS[0], PLUGIN)]()
    cases[SYNTH]()
    found = medians(in_turns(cases, repeats=repeats, each=report_progress))
    if many:
        report_progress(case(MANY, PLUGIN))
        found[case(MANY, PLUGIN)] = _through_the_plugin(installed, _names(MANY), numbers)
    return found


def targets(found: Mapping[str, Measured]) -> list[Target]:
    """Return the targets of the applies."""
    count = COUNTS[-1]
    parts = found[case(count, LOOP)].seconds + found[case(count, IMPORTS)].seconds
    reached = [
        Target(
            f"apply of {count} clones, compared with loop plus imports",
            at_most=3,
            found=found[case(count, PLUGIN)].seconds / parts,
        ),
        Target(DEPLOY, at_most=8, found=found[DEPLOY].seconds, unit=SECONDS),
    ]
    if memory := found.get(case(MANY, PLUGIN), Measured(0)).megabytes:
        reached.append(Target(f"the plugin's memory, apply of {MANY} clones", at_most=60, found=memory, unit=MEGABYTES))
    return reached


def _names(count: int) -> list[str]:
    return [f"clone-{index:03d}" for index in range(count)]


@contextmanager
def _simulator() -> Iterator[Simulator]:
    """Yield a simulator with a frozen source.

    Each clone of a running source would extend its disk chains, which takes time.
    """
    with Simulator("-source", "golden", "-tools", "0s") as simulator:
        simulator.freeze("golden")
        yield simulator


def _through_the_plugin(installed: SideBySide, names: Sequence[str], numbers: Iterator[int]) -> Measured:
    with _simulator() as simulator:
        terraform = installed.plugin(str(next(numbers)), simulator)
        terraform.write(clones(source_of(simulator, "golden"), installed.release, names))
        return timed(terraform, "apply", changes=len(names))


def _measure_loop(names: Sequence[str]) -> Measured:
    with _simulator() as simulator:
        return _cloned(simulator, names)


def _cloned(simulator: Simulator, names: Sequence[str]) -> Measured:
    with connect(ConnectionSettings.from_environment(simulator.environment({}))) as session:
        begun, cpu_begun = time.perf_counter(), time.process_time()
        naive.clone_all(session, "DC0/vm/golden", names, threads=_THREADS)
        return Measured(time.perf_counter() - begun, cpu_seconds=time.process_time() - cpu_begun)


def _imports(installed: SideBySide, names: Sequence[str], numbers: Iterator[int]) -> Measured:
    with _simulator() as simulator:
        _cloned(simulator, names)
        terraform = installed.stock(str(next(numbers)), simulator)
        whole = without_plugin(clones(source_of(simulator, "golden"), installed.release, names))
        # Measure the import only: the apply does not write arguments that differ from the VM.
        whole["resource"]["vsphere_virtual_machine"]["vm"]["lifecycle"] = {"ignore_changes": "all"}
        whole["import"] = [{"to": f'vsphere_virtual_machine.vm["{name}"]', "id": f"/DC0/vm/{name}"} for name in names]
        terraform.write(whole)
        run = timed(terraform, "apply", changes=len(names))
        if len(terraform.instances()) != len(names):
            raise BenchmarkError(f"{len(terraform.instances())} VMs were imported instead of {len(names)}")
        return run


def _cdktf(folder: Path, stock: StockProvider, numbers: Iterator[int], *verb: str) -> Measured:
    """Measure a cdktf command in a folder with only the fleet file. A deploy therefore includes `terraform init`."""
    with _simulator() as simulator:
        workspace = Workspace(
            folder / f"workspace-{next(numbers)}", stock_binary=stock.path, vcenter=simulator.environment({})
        )
        for name in os.environ:
            if name.startswith("INSTANT_CLONE_") and name != "INSTANT_CLONE_PROVIDER_VERSION":
                workspace.environment.pop(name, None)
        (workspace.folder / "fleets.toml").write_text(_FLEET_FILE)
        begun = time.perf_counter()
        finished = workspace.run("cdktf", *verb)
        seconds = time.perf_counter() - begun
    if finished.code:
        raise BenchmarkError(f"{' '.join(finished.command)} failed:\n{finished.output}")
    return Measured(seconds)
