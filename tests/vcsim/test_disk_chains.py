# SPDX-License-Identifier: MPL-2.0
"""Tests of disk chains: their description in layoutEx, and the quirks of delta disks and of the location."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from pyVmomi import vim

from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.vcsim.client import (
    Client,
    clone,
    controller,
    depth,
    disk,
    disks,
    machine_spec,
    make,
    network_edit,
    nics,
    result,
)

pytestmark = pytest.mark.simulator

GIB = 1 << 30
NUMBERS = count()
Device = vim.vm.device
Flat = Device.VirtualDisk.FlatVer2BackingInfo
SeSparse = Device.VirtualDisk.SeSparseBackingInfo


@pytest.fixture(scope="module")
def simulated(start_simulator: StartSimulator) -> Simulator:
    return start_simulator("-vm", 0)


@pytest.fixture(scope="module")
def client(simulated: Simulator) -> Iterator[Client]:
    with Client(simulated) as client:
        yield client


@pytest.fixture(autouse=True)
def reset_quirks(simulated: Simulator) -> Iterator[None]:
    yield
    simulated.reset_quirks()


@pytest.fixture
def source(client: Client) -> Any:
    """Return a new running VM with two thin disks."""
    devices = [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, GIB), disk(-1, 1, GIB)]
    vm = make(client, machine_spec(f"source-{next(NUMBERS)}", devices))
    result(vm.PowerOn())
    return vm


def chains(vm: Any) -> list[list[str]]:
    """Return the descriptor files of each disk's chain according to layoutEx, child first."""
    names = {file.key: file.name for file in vm.layoutEx.file if file.type == "diskDescriptor"}
    return [[names[key] for unit in each.chain for key in unit.fileKey if key in names] for each in vm.layoutEx.disk]


def reported_backings(vm: Any) -> list[tuple[Any, str | None, int]]:
    """Return the type, the delta format and the number of visible parents of each disk's backing."""
    return [(type(each.backing), each.backing.deltaDiskFormat, depth(each)) for each in disks(vm)]


def test_layout_lists_the_chain_of_every_disk(client: Client) -> None:
    lun = Device.VirtualDisk.RawDiskMappingVer1BackingInfo(
        fileName="[LocalDS_0] lun.vmdk", diskMode="independent_persistent", compatibilityMode="physicalMode"
    )
    mapped = disk(-1, 1, GIB)
    mapped.backing = lun
    vm = make(
        client, machine_spec("mapped", [controller(Device.ParaVirtualSCSIController, -1), disk(-1, 0, GIB), mapped])
    )

    assert [each.key for each in vm.layoutEx.disk] == [2000, 2001]
    assert chains(vm) == [["[LocalDS_0] mapped/mapped.vmdk"], ["[LocalDS_0] lun.vmdk"]]


def test_delta_disks_of_a_clone_have_no_visible_parents(simulated: Simulator, client: Client, source: Any) -> None:
    base = chains(source)
    simulated.quirk("delta-parents", "unset", vm=source.name)

    made = clone(source, f"{source.name}-c")

    assert reported_backings(made) == [(Flat, "redoLogFormat", 0)] * 2
    assert [chain[1:] for chain in chains(made)] == base
    assert reported_backings(source) == [(Flat, "redoLogFormat", 1)] * 2
    assert simulated.vm(made.name).deltas == {2000: 1, 2001: 1}
    made.RefreshStorageInfo()
    assert [chain[1:] for chain in chains(made)] == base

    twin = clone(made, f"{source.name}-d")

    assert reported_backings(twin) == [(Flat, "redoLogFormat", 2)] * 2
    assert [len(chain) for chain in chains(twin)] == [3, 3]
    result(made.RelocateVM_Task(vim.vm.RelocateSpec(datastore=client.find("datastore/LocalDS_1"))))
    assert [len(chain) for chain in chains(made)] == [3, 3]


def test_delta_disks_of_a_moved_clone_have_no_visible_parents(
    simulated: Simulator, client: Client, source: Any
) -> None:
    simulated.quirk("delta-parents", "unset", vm=source.name)
    made = clone(source, f"{source.name}-c")

    result(made.RelocateVM_Task(vim.vm.RelocateSpec(datastore=client.find("datastore/LocalDS_1"))))

    assert reported_backings(made) == [(Flat, "redoLogFormat", 0)] * 2
    assert [[name.split()[0] for name in chain] for chain in chains(made)] == [["[LocalDS_1]"] * 2] * 2


def test_delta_disks_of_a_source_have_no_visible_parents(simulated: Simulator, source: Any) -> None:
    simulated.quirk("source-delta-parents", "unset", vm=source.name)

    made = [clone(source, f"{source.name}-{index}") for index in range(2)]

    assert reported_backings(source) == [(Flat, "redoLogFormat", 0)] * 2
    assert [len(chain) for chain in chains(source)] == [3, 3]
    assert [reported_backings(each) for each in made] == [
        [(Flat, "redoLogFormat", 1)] * 2,
        [(Flat, "redoLogFormat", 2)] * 2,
    ]


@pytest.mark.parametrize(("value", "kind"), [("format", Flat), ("backing", SeSparse)])
def test_clone_and_source_have_sesparse_delta_disks(simulated: Simulator, source: Any, value: str, kind: Any) -> None:
    simulated.quirk("se-sparse", value, vm=source.name)
    simulated.quirk("source-se-sparse", value, vm=source.name)

    first, second = (clone(source, f"{source.name}-{index}") for index in range(2))

    assert reported_backings(first) == [(kind, "seSparseFormat", 1)] * 2
    assert reported_backings(second) == reported_backings(source) == [(kind, "seSparseFormat", 2)] * 2
    assert [len(chain) for chain in chains(second)] == [3, 3]


def test_sesparse_delta_disk_without_visible_parents_keeps_its_format(simulated: Simulator, source: Any) -> None:
    simulated.quirk("se-sparse", "backing", vm=source.name)
    simulated.quirk("delta-parents", "unset", vm=source.name)

    assert reported_backings(clone(source, f"{source.name}-c")) == [(SeSparse, "seSparseFormat", 0)] * 2


def test_disks_of_a_clone_keep_the_uuids_of_the_source(simulated: Simulator, source: Any) -> None:
    simulated.quirk("disk-uuids", "kept", vm=source.name)

    made = clone(source, f"{source.name}-c")

    assert [each.backing.uuid for each in disks(made)] == [each.backing.uuid for each in disks(source)]


def test_frozen_source_gets_one_delta_disk_on_each_disk(simulated: Simulator, source: Any) -> None:
    simulated.freeze(source.name)
    base = chains(source)
    simulated.quirk("frozen-source-deltas", "once", vm=source.name)

    made = [clone(source, f"{source.name}-{index}") for index in range(3)]

    assert [chain[1:] for chain in chains(source)] == base
    assert [[chain[1:] for chain in chains(each)] for each in made] == [base] * 3
    simulated.freeze(source.name, frozen=False)
    clone(source, f"{source.name}-thawed")
    assert [len(chain) for chain in chains(source)] == [3, 3]


@pytest.mark.parametrize(("value", "network"), [("ignored", "DC0_DVPG0"), ("only-devices", "DC0_DVPG1")])
def test_clone_ignores_the_requested_location(simulated: Simulator, client: Client, value: str, network: str) -> None:
    source = client.vm("golden-web")
    folder = client.find("vm").CreateFolder(f"folder-{value}")
    pool, store = client.find("host/DC0_C0/Resources/DC0_C0_RP1"), client.find("datastore/LocalDS_1")
    edit = network_edit(nics(source)[0], portgroup=client.find("network/DC0_DVPG1"))
    simulated.quirk("location", value)

    made = clone(source, f"placed-{value}", [edit], folder=folder, pool=pool, datastore=store)

    assert (made.parent, made.resourcePool) == (client.find("vm"), source.resourcePool)
    assert made.config.files.vmPathName.startswith("[LocalDS_0] ")
    assert [each.name for each in made.network] == [network]
