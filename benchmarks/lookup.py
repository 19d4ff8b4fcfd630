# SPDX-License-Identifier: MPL-2.0
"""Look-up: of 1 and 20 sources among few and many VMs, beside a loop over all VMs."""

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
LOOP_BY_NAME, LOOP_BY_UUID = "a loop that reads .name", "a loop that reads .config.uuid"
WAYS = (PATH, UUID, NAME, LOOP_BY_NAME, LOOP_BY_UUID)

_START_SECONDS = 300
_DATACENTER = "DC0"


@dataclass(frozen=True)
class _Machine:
    """A VM of the simulator, by all that it can be found by."""

    name: str
    uuid: str

    @property
    def path(self) -> str:
        return f"/{_DATACENTER}/vm/{self.name}"


def case(vms: int, sources: int, way: str) -> str:
    """How one measurement is called: this many sources among this many VMs, found in this way."""
    return f"{sources} of {vms:,} VMs, {way}"


def measure(*, repeats: int, told: Callable[[str], None]) -> dict[str, Measured]:
    """Look up in turns, in one session for each simulator that is there already; raises BenchmarkError.

    Requests are those that the simulator counted. Neither log-in nor log-out is among them, nor in the seconds. Both
    sides end with the whole configuration of each source, and notice a second VM of the same name or UUID.
    """
    cases: dict[str, Callable[[], Measured]] = {}
    with ExitStack() as stack:
        for vms in VMS:
            told(f"a simulator with {vms:,} VMs starts")
            simulator = stack.enter_context(
                # The source that it has in any case is one of them.
                Simulator("-vm", str(vms - 1), "-off", "", start_timeout=_START_SECONDS)
            )
            settings = ConnectionSettings.from_environment(simulator.environment({}))
            session = stack.enter_context(connect(settings))
            machines = _machines(session)
            if len(machines) != vms:
                raise BenchmarkError(f"the simulator has {len(machines)} VMs instead of {vms}")
            for count in SOURCES:
                chosen = _spread(machines, count)
                for way, work in _ways(session, chosen).items():
                    cases[case(vms, count, way)] = partial(_timed, simulator, work, len(chosen))
        told("a first run that is not counted")
        # pyvmomi makes its types when they are first used.
        for sources in SOURCES:
            for way in WAYS:
                cases[case(VMS[0], sources, way)]()
        return medians(in_turns(cases, repeats=repeats, each=told))


def targets(found: Mapping[str, Measured]) -> list[Target]:
    """What the look-up of one source among many VMs is to reach."""
    vms = VMS[-1]

    def faster(way: str, than: str) -> float:
        return found[case(vms, 1, than)].seconds / found[case(vms, 1, way)].seconds

    return [
        Target(f"one of {vms:,} VMs, {PATH}, beside {LOOP_BY_NAME}", at_least=100, found=faster(PATH, LOOP_BY_NAME)),
        Target(f"one of {vms:,} VMs, {UUID}, beside {LOOP_BY_UUID}", at_least=100, found=faster(UUID, LOOP_BY_UUID)),
        Target(f"one of {vms:,} VMs, {NAME}, beside {LOOP_BY_NAME}", at_least=4, found=faster(NAME, LOOP_BY_NAME)),
    ]


def _ways(session: Session, chosen: Sequence[_Machine]) -> dict[str, Callable[[], int]]:
    names, uuids = [each.name for each in chosen], [each.uuid for each in chosen]

    def ours(wanted: Sequence[str]) -> int:
        selectors = [selector(each, datacenter=_DATACENTER) for each in wanted]
        found = look_up_all(session, selectors).values()
        return sum(not isinstance(each, VcenterError) for each in found)

    return {
        PATH: lambda: ours([each.path for each in chosen]),
        UUID: lambda: ours([f"uuid:{uuid}" for uuid in uuids]),
        NAME: lambda: ours(names),
        LOOP_BY_NAME: lambda: sum(map(len, naive.by_name(session, names).values())),
        LOOP_BY_UUID: lambda: sum(map(len, naive.by_uuid(session, uuids).values())),
    }


def _timed(simulator: Simulator, work: Callable[[], int], expected: int) -> Measured:
    simulator.requests(reset=True)
    begun, cpu_begun = time.perf_counter(), time.process_time()
    found = work()
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    if found != expected:
        raise BenchmarkError(f"{found} sources were found instead of {expected}")
    return Measured(seconds, cpu_seconds=cpu_seconds, requests=sum(simulator.requests().values()))


def _machines(session: Session) -> list[_Machine]:
    """All VMs, in the order in which a container view has them."""
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
    by_id = {each.id: _Machine(each.properties["name"], each.properties["config.uuid"]) for each in read}
    order = [machine._moId for machine in view.view]
    view.Destroy()
    return [by_id[each] for each in order]


def _spread(machines: Sequence[_Machine], count: int) -> list[_Machine]:
    """Evenly spread ones; with fewer VMs than sources, all of them."""
    count = min(count, len(machines))
    return [machines[(2 * position + 1) * len(machines) // (2 * count)] for position in range(count)]
