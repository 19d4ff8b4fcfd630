# SPDX-License-Identifier: MPL-2.0
"""Random layouts within the limits of vSphere.

Three quarters of the layouts are usual ones with only SCSI disks. The others are arbitrary. Some of them cannot be
expressed with any release of the stock provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pyVmomi import vim

from testkit.layouts.machine import (
    GIB,
    MIB,
    Bus,
    Drive,
    Interface,
    Machine,
    Place,
    Shares,
    VirtualDisk,
)

__all__ = ["generated", "machines"]

SCSI_TYPES = ("pvscsi", "lsilogic", "lsilogic-sas")
NETWORKS = ("VM Network", "DC0_DVPG0", "DC0_DVPG1", "segment")
GUESTS = ("ubuntu64Guest", "rhel8_64Guest", "windows2019srv_64Guest", "otherGuest64")
MOST_DISKS = 8
LEVELS = ("low", "normal", "high", "custom")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")) | st.just("\n"), max_size=30)
TEMPLATES = st.sampled_from(("${a}", "%{ if }", "$${b}", '"quoted" \\ ', "two\nlines", "größer", "e\u0301"))
flags = st.booleans()


def generated(count: int, *, number: int) -> list[Machine]:
    """Return at most `count` machines. `number` is the seed: equal seeds return equal machines."""
    found: list[Machine] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(machines())
    def collect(machine: Machine) -> None:
        found.append(machine)

    collect()
    return found[:count]


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Return a strategy for machines."""
    usual = draw(st.sampled_from((True, True, True, False)))
    buses = draw(_scsi_buses() if usual else _buses())
    places = _places(buses, usual=usual)
    taken: list[Place] = [draw(st.sampled_from(places))] if places and not usual else [Place()]
    taken += draw(st.lists(st.sampled_from(places), max_size=MOST_DISKS, unique=True)) if places else []
    disks = [draw(_disks(place)) for place in dict.fromkeys(taken)] if places else []
    drives = draw(_drives(buses, {disk.at for disk in disks}, most=1 if usual else 3))
    firmware = draw(st.sampled_from(("bios", "efi")))
    return Machine(
        buses=buses,
        disks=tuple(draw(st.permutations(disks))),
        interfaces=tuple(draw(st.lists(_interfaces(), min_size=1, max_size=4 if usual else 10))),
        drives=drives,
        tpm=not usual and firmware == "efi" and draw(flags),
        settings={**draw(_settings(usual=usual)), "firmware": firmware, "bootOptions": draw(_boot(firmware))},
    )


def _scsi_buses() -> st.SearchStrategy[tuple[Bus, ...]]:
    def of(kind: str, shared: str, count: int) -> tuple[Bus, ...]:
        return tuple(Bus(kind, number, shared) for number in range(count))

    sharing = st.sampled_from(("noSharing", "noSharing", "virtualSharing", "physicalSharing"))
    return st.builds(of, st.sampled_from(SCSI_TYPES), sharing, st.integers(1, 4))


@st.composite
def _buses(draw: st.DrawFn) -> tuple[Bus, ...]:
    found = list(draw(st.just(()) | _scsi_buses()))
    if found and draw(st.sampled_from((True, False, False, False))):
        found[-1] = replace(found[-1], type=draw(st.sampled_from((*SCSI_TYPES, "buslogic"))))
    for kind in ("sata", "nvme"):
        numbers = draw(st.sampled_from(((), (), (0,), (0, 1), (1,), (0, 1, 2, 3))))
        found += [Bus(kind, number) for number in numbers]
    return tuple(draw(st.permutations(found)))


def _places(buses: Sequence[Bus], *, usual: bool) -> list[Place]:
    last = {"sata": 29, "nvme": 14, "pvscsi": 15 if usual else 20}
    found = []
    for bus in buses:
        kind: Literal["scsi", "sata", "nvme"] = (
            "sata" if bus.type == "sata" else "nvme" if bus.type == "nvme" else "scsi"
        )
        reserved = 7 if kind == "scsi" else -1
        found += [Place(kind, bus.number, unit) for unit in range(last.get(bus.type, 15) + 1) if unit != reserved]
    return found if usual else found + [Place("ide", bus, unit) for bus in range(2) for unit in range(2)]


@st.composite
def _disks(draw: st.DrawFn, place: Place) -> VirtualDisk:
    size = draw(st.integers(1, 64).map(lambda gib: gib * GIB) | st.integers(1, 1 << 16).map(lambda mib: mib * MIB))
    thin, eager = draw(st.sampled_from(((True, False), (False, False), (False, True))))
    backing: dict[str, Any] = {"thinProvisioned": thin, "eagerlyScrub": eager}
    if draw(flags):
        backing["diskMode"] = draw(st.sampled_from(("independent_persistent", "independent_nonpersistent")))
    if draw(flags):
        backing["writeThrough"] = True
    if eager and draw(flags):
        # vSphere requires eagerly zeroed thick disks for multi-writer sharing.
        backing["sharing"] = "sharingMultiWriter"
    return VirtualDisk(place, size, backing, draw(st.none() | _shares(limit=16, least=16)))


@st.composite
def _shares(draw: st.DrawFn, *, limit: int, least: int = 1) -> Shares:
    """Draw shares whose limit is -1 or at least `least`, and whose reservation does not exceed the limit."""
    bound = draw(st.just(-1) | st.integers(least, limit * 1000))
    reservation = draw(st.just(0) | st.integers(0, limit if bound < 0 else min(limit, bound)))
    level = draw(st.sampled_from(LEVELS))
    return Shares(bound, reservation, level, draw(st.integers(1, 4000)) if level == "custom" else 0)


@st.composite
def _interfaces(draw: st.DrawFn) -> Interface:
    adapter = draw(st.sampled_from(("vmxnet3", "e1000e", "e1000")))
    bandwidth = draw(st.just(Shares()) | _shares(limit=100))
    # vSphere limits the shares of an interface to 100.
    return Interface(draw(st.sampled_from(NETWORKS)), adapter, replace(bandwidth, number=min(bandwidth.number, 100)))


@st.composite
def _drives(draw: st.DrawFn, buses: Sequence[Bus], taken: set[Place], *, most: int) -> tuple[Drive, ...]:
    places = [Place("ide", bus, unit) for bus in range(2) for unit in range(2)]
    places += [Place("sata", bus.number, unit) for bus in buses if bus.type == "sata" for unit in range(2)]
    free = [place for place in places if place not in taken]
    chosen = draw(st.lists(st.sampled_from(free), max_size=most, unique=True)) if free else []
    backings = st.sampled_from(("client", "iso", "passthrough", "host"))
    return tuple(Drive(draw(backings), place, draw(flags)) for place in chosen)


@st.composite
def _boot(draw: st.DrawFn, firmware: str) -> vim.vm.BootOptions:
    return vim.vm.BootOptions(
        bootDelay=draw(st.sampled_from((0, 5, 3000))),
        bootRetryEnabled=draw(flags),
        bootRetryDelay=draw(st.sampled_from((10000, 1, 99))),
        efiSecureBootEnabled=firmware == "efi" and draw(flags),
    )


@st.composite
def _settings(draw: st.DrawFn, *, usual: bool) -> dict[str, Any]:
    cores = draw(st.sampled_from((1, 2, 4)))
    memory = draw(st.integers(1, 4096)) * 4
    found: dict[str, Any] = {
        "guestId": draw(st.sampled_from(GUESTS)),
        "version": f"vmx-{draw(st.sampled_from((14, 15, 17, 18, 19)))}",
        "numCPUs": cores * draw(st.integers(1, 8)),
        "numCoresPerSocket": cores,
        "memoryMB": memory,
        "cpuAllocation": _allocation(draw(_shares(limit=8, least=8))),
        "memoryAllocation": _allocation(draw(_shares(limit=4, least=4))),
        "flags": draw(_flags()),
        "tools": draw(_tools(usual=usual)),
        "swapPlacement": draw(st.sampled_from(("inherit", "hostLocal", "vmDirectory"))),
        "latencySensitivity": draw(_latency()),
        "annotation": draw(TEXT | TEMPLATES),
    }
    for name in ("cpuHotAddEnabled", "cpuHotRemoveEnabled", "memoryHotAddEnabled", "nestedHVEnabled", "vPMCEnabled"):
        found[name] = draw(flags)
    if draw(flags):
        found["alternateGuestName"] = draw(TEXT | TEMPLATES)
    if draw(flags):
        found["vAppConfig"] = draw(_vapp(usual=usual))
    if not usual and draw(flags):
        found["memoryReservationLockedToMax"] = True
        found["memoryAllocation"] = _allocation(Shares(-1, memory, draw(st.sampled_from(("low", "normal", "high")))))
    return found


def _allocation(given: Shares) -> vim.ResourceAllocationInfo:
    shares = vim.SharesInfo(level=given.level, shares=given.number)
    return vim.ResourceAllocationInfo(limit=given.limit, reservation=given.reservation, shares=shares)


@st.composite
def _flags(draw: st.DrawFn) -> vim.vm.FlagInfo:
    return vim.vm.FlagInfo(
        enableLogging=draw(flags),
        diskUuidEnabled=draw(flags),
        vvtdEnabled=draw(flags),
        virtualExecUsage=draw(st.sampled_from(("hvAuto", "hvOn", "hvOff"))),
        virtualMmuUsage=draw(st.sampled_from(("automatic", "on", "off"))),
    )


@st.composite
def _tools(draw: st.DrawFn, *, usual: bool) -> vim.vm.ToolsConfigInfo:
    names = ("afterPowerOn", "afterResume", "beforeGuestStandby", "beforeGuestShutdown", "beforeGuestReboot")
    policies = ("manual",) if usual else ("manual", "upgradeAtPowerCycle")
    return vim.vm.ToolsConfigInfo(
        **{name: draw(flags) for name in names},
        syncTimeWithHost=draw(flags),
        syncTimeWithHostAllowed=draw(flags),
        toolsUpgradePolicy=draw(st.sampled_from(policies)),
    )


@st.composite
def _latency(draw: st.DrawFn) -> vim.LatencySensitivity:
    level = draw(st.sampled_from(("normal", "normal", "low", "medium", "high", "custom")))
    return vim.LatencySensitivity(level=level, sensitivity=2000 if level == "custom" else None)


@st.composite
def _vapp(draw: st.DrawFn, *, usual: bool) -> vim.vApp.VmConfigSpec:
    properties = [
        vim.vApp.PropertySpec(
            operation="add",
            info=vim.vApp.PropertyInfo(
                key=key,
                id=f"property-{key}",
                type="string",
                userConfigurable=draw(flags),
                value=draw(st.sampled_from(("", "a", "${b}"))),
                defaultValue=draw(st.sampled_from(("", "a"))),
            ),
        )
        for key in range(draw(st.integers(0, 3)))
    ]
    transports = ["com.vmware.guestInfo"] if usual else draw(st.sampled_from(([], ["iso"], ["com.vmware.guestInfo"])))
    return vim.vApp.VmConfigSpec(property=properties, ovfEnvironmentTransport=transports)
