# SPDX-License-Identifier: MPL-2.0
"""Look-up: 1 and 20 sources among few and many VMs, compared with a loop over all VMs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from pyVmomi import vim, vmodl

from benchmarks import naive
from benchmarks.measuring import BenchmarkError, Measured, in_turns, medians
from benchmarks.targets import Target
from instant_clone.errors import VcenterError
from instant_clone.vcenter.lookup.selectors import selector
from instant_clone.vcenter.lookup.source_lookup import look_up_all
from instant_clone.vcenter.session.connection import ConnectionSettings, Session, connect
from instant_clone.vcenter.session.properties import retrieve
from testkit.simulator import Simulator

__all__ = [
    "LOOP_BY_NAME",
    "LOOP_BY_UUID",
    "NAME",
    "PATH",
    "SOURCES",
    "UUID",
    "VMS",
    "WAYS",
    "case",
    "measure",
    "targets",
]

VMS = (10, 2_000)
SOURCES = (1, 20)
PATH, UUID, NAME = "by path", "by UUID", "by name"
LOOP_BY_NAME, LOOP_BY_UUID = "loop over .name", "loop over .config.uuid"
WAYS = (PATH, UUID, NAME, LOOP_BY_NAME, LOOP_BY_UUID)

_START_SECONDS = 300
_DATACENTER = "DC0"


@dataclass(frozen=True)
class _Machine:
    """A VM of the simulator."""

    name: str
    uuid: str

    @property
    def path(self) -> str:
        return f"/{_DATACENTER}/vm/{self.name}"


def case(vms: int, sources: int, way: str) -> str:
    """Return the name of the case that finds `sources` sources among `vms` VMs with the method `way`."""
    return f"{sources} of {vms:,} VMs, {way}"


def measure(*, repeats: int, report_progress: Callable[[str], None]) -> dict[str, Measured]:
    """Measure all cases alternately, in one existing session per simulator, and return the medians.

    The simulator counts the requests. Requests and seconds do not include log-in and log-out. The look-up and the loop
    both read the whole configuration of each source, and both detect a second VM with the same name or UUID.

    Raises:
        BenchmarkError: A case cannot be measured.
    """
    cases: dict[str, Callable[[], Measured]] = {}
    with ExitStack() as stack:
        for vms in VMS:
            report_progress(f"starting a simulator with {vms:,} VMs")
            simulator = stack.enter_context(
                # The simulator adds one source to the VMs of -vm.
                Simulator("-vm", str(vms - 1), "-off", "", start_timeout=_START_SECONDS)
            )
            settings = ConnectionSettings.from_environment(simulator.environment({}))
            session = stack.enter_context(connect(settings))
            machines = _machines(session)
            if len(machines) != vms:
                raise BenchmarkError(f"simulator: it has {len(machines)} VMs instead of {vms}")
            for count in SOURCES:
                chosen = _evenly_spread(machines, count)
                for way, work in _methods(session, chosen).items():
                    cases[case(vms, count, way)] = partial(_timed, simulator, work, len(chosen))
        report_progress("warm-up run")
        # pyvmomi creates its types on first use, so the first run of each method is slower.
        for sources in SOURCES:
            for way in WAYS:
                cases[case(VMS[0], sources, way)]()
        return medians(in_turns(cases, repeats=repeats, each=report_progress))


def targets(found: Mapping[str, Measured]) -> list[Target]:
    """Return the targets for the look-up of one source among many VMs."""
    vms = VMS[-1]

    def faster(way: str, than: str) -> float:
        return found[case(vms, 1, than)].seconds / found[case(vms, 1, way)].seconds

    return [
        Target(
            f"one of {vms:,} VMs, {PATH}, compared with {LOOP_BY_NAME}", at_least=100, found=faster(PATH, LOOP_BY_NAME)
        ),
        Target(
            f"one of {vms:,} VMs, {UUID}, compared with {LOOP_BY_UUID}", at_least=100, found=faster(UUID, LOOP_BY_UUID)
        ),
        Target(
            f"one of {vms:,} VMs, {NAME}, compared with {LOOP_BY_NAME}", at_least=4, found=faster(NAME, LOOP_BY_NAME)
        ),
    ]


def _methods(session: Session, chosen: Sequence[_Machine]) -> dict[str, Callable[[], int]]:
    names, uuids = [each.name for each in chosen], [each.uuid for each in chosen]

    def count_found(wanted: Sequence[str]) -> int:
        selectors = [selector(each, datacenter=_DATACENTER) for each in wanted]
        found = look_up_all(session, selectors).values()
        return sum(not isinstance(each, VcenterError) for each in found)

    return {
        PATH: lambda: count_found([each.path for each in chosen]),
        UUID: lambda: count_found([f"uuid:{uuid}" for uuid in uuids]),
        NAME: lambda: count_found(names),
        LOOP_BY_NAME: lambda: sum(map(len, naive.by_name(session, names).values())),
        LOOP_BY_UUID: lambda: sum(map(len, naive.by_uuid(session, uuids).values())),
    }


def _timed(simulator: Simulator, work: Callable[[], int], expected: int) -> Measured:
    simulator.requests(reset=True)
    begun, cpu_begun = time.perf_counter(), time.process_time()
    found = work()
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    if found != expected:
        raise BenchmarkError(f"look-up: found {found} sources instead of {expected}")
    return Measured(seconds, cpu_seconds=cpu_seconds, requests=sum(simulator.requests().values()))


def _machines(session: Session) -> list[_Machine]:
    """Return all VMs in the order of a container view."""
    manager = session.content.viewManager
    assert manager is not None
    view = manager.CreateContainerView(session.content.rootFolder, [vim.VirtualMachine], recursive=True)
    read = retrieve(
        session.content.propertyCollector,
        view,
        [vmodl.query.PropertyCollector.PropertySpec(type=vim.VirtualMachine, pathSet=["name", "config.uuid"])],
        follow=[vmodl.query.PropertyCollector.TraversalSpec(type=vim.view.ContainerView, path="view")],
        skip_start=True,
    )
    by_id = {each.id: _Machine(each.properties["name"], each.properties["config.uuid"]) for each in read.values()}
    order = [machine._moId for machine in view.view]
    view.Destroy()
    return [by_id[each] for each in order]


def _evenly_spread(machines: Sequence[_Machine], count: int) -> list[_Machine]:
    """Return `count` evenly spread VMs, or all VMs if there are fewer."""
    count = min(count, len(machines))
    return [machines[(2 * position + 1) * len(machines) // (2 * count)] for position in range(count)]
