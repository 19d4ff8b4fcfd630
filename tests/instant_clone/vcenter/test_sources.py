# SPDX-License-Identifier: MPL-2.0
"""Tests of the sources of fleets, from a look-up or from records."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instant_clone.errors import ConnectError, InstantCloneError, NotFoundError, RecordError, VcenterError
from instant_clone.fleet import FleetFile
from instant_clone.sources import LOOKUP_VARIABLE, look_up_sources
from instant_clone.vm import record
from instant_clone.vm.source_vm import SourceVm
from testkit.simulator import Simulator
from tests.conftest import StartSimulator
from tests.instant_clone.replica.replica_layouts import default
from tests.instant_clone.vcenter.conftest import create_vm_outside_of_clusters


def fleet(name: str, *vms: str) -> dict[str, object]:
    sources = [{"key": f"s{number}", "vm": vm, "members": str(number)} for number, vm in enumerate(vms)]
    return {
        "name": name,
        "datacenter": "DC0",
        "datastore": "LocalDS_0",
        "resource_pool": "DC0_C0/Resources",
        "names": f"{name}-{{index}}",
        "sources": sources,
    }


@pytest.fixture
def record_with(four_layouts: Simulator, tmp_path: Path) -> Callable[..., SourceVm]:
    """Return a function that records the source of a fleet with other values than vCenter, and returns the record."""

    def save(file: FleetFile, name: str, **values: object) -> SourceVm:
        (source_vm,) = look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path).values()
        recorded = source_vm.model_copy(update=values)
        record.save(recorded, tmp_path / "sources" / f"{name}.json")
        return recorded

    return save


def fleets(*each: dict[str, object]) -> FleetFile:
    return FleetFile.model_validate({"fleets": {fleet["name"]: fleet for fleet in each}})


@pytest.mark.simulator
def test_reads_all_sources_in_one_session_and_each_vm_once(four_layouts: Simulator, tmp_path: Path) -> None:
    four_layouts.requests(reset=True)
    found = look_up_sources(
        fleets(fleet("one", "web", "small"), fleet("two", "/DC0/vm/web", "web")),
        environ=four_layouts.environment({}),
        folder=tmp_path,
    )
    assert {key: source.name for key, source in found.items()} == {
        ("one", "s0"): "web",
        ("one", "s1"): "small",
        ("two", "s0"): "web",
        ("two", "s1"): "web",
    }
    assert four_layouts.requests() == {
        "RetrieveServiceContent": 1,
        "Login": 1,
        # For the path of a source, and for the resource pool.
        "FindByInventoryPath": 2,
        "CreateContainerView": 1,
        "RetrievePropertiesEx": 3,
        "Logout": 1,
    }


@pytest.mark.simulator
@pytest.mark.parametrize("mode", ["auto", "live", ""])
def test_live_look_up_needs_no_record(four_layouts: Simulator, tmp_path: Path, mode: str) -> None:
    environ = four_layouts.environment({}) | {LOOKUP_VARIABLE: mode}
    found = look_up_sources(fleets(fleet("one", "web")), environ=environ, folder=tmp_path)
    assert found["one", "s0"].name == "web"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.simulator
def test_looks_up_powered_off_frozen_and_running_sources(start_simulator: StartSimulator, tmp_path: Path) -> None:
    simulator = start_simulator("-source", "runs,stands", "-frozen", "stands", "-off", "rests")
    found = look_up_sources(
        fleets(fleet("one", "runs", "stands", "rests")), environ=simulator.environment({}), folder=tmp_path
    )
    assert [source.name for source in found.values()] == ["runs", "stands", "rests"]


@pytest.mark.simulator
def test_accepts_a_record_that_equals_the_look_up(four_layouts: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "web"))
    live = look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)
    record.save(live["one", "s0"], tmp_path / "sources" / "one-s0.json")
    assert look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path) == live


@pytest.mark.simulator
def test_reports_a_record_that_differs_from_vcenter(four_layouts: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "web", "small"))
    found = look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)["one", "s0"]
    path = tmp_path / "sources" / "one-s0.json"
    recorded = found.model_copy(
        update={"cpu": found.cpu.model_copy(update={"count": 8}), "annotation": None, "disks": found.disks[:1]}
    )
    record.save(recorded, path)
    with pytest.raises(RecordError) as caught:
        look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)
    assert str(caught.value) == (
        f"fleet one, source s0: the record {path} differs from vCenter. Run"
        " `instant-clone record one` to renew the record, or set INSTANT_CLONE_LOOKUP=record to use the record."
        " Record and vCenter:\n"
        '  annotation: unset → "made by vcsim"\n'
        "  cpu.count: 8 → 2\n"
        '  disks[1]: unset → {"controller": "scsi", "bus": 0, "unit": 1, "capacity": 8589934592, "b…'
    )


@pytest.mark.simulator
def test_ignored_annotation_has_the_value_of_the_record(
    four_layouts: Simulator, tmp_path: Path, record_with: Callable[..., SourceVm]
) -> None:
    """A backup product rewrites the notes of the source after each backup."""
    file = fleets(fleet("one", "web") | {"sources": [{"vm": "web", "count": 1, "ignore_drift": ["annotation"]}]})
    recorded = record_with(file, "one", annotation="before the backup")

    live = look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)

    assert live["one", "vm"].annotation == "before the backup"
    environ = {LOOKUP_VARIABLE: "record"}
    assert live == look_up_sources(file, environ=environ, folder=tmp_path) == {("one", "vm"): recorded}


@pytest.mark.simulator
@pytest.mark.parametrize("annotation", ["CI", ""])
def test_annotation_of_the_source_is_ignored_if_the_fleet_has_its_own(
    four_layouts: Simulator, tmp_path: Path, record_with: Callable[..., SourceVm], annotation: str
) -> None:
    one = fleet("one", "web") | {"sources": [{"vm": "web", "count": 1}], "annotation": annotation}
    recorded = record_with(fleets(one), "one", annotation=None)
    live = look_up_sources(fleets(one), environ=four_layouts.environment({}), folder=tmp_path)
    assert live == {("one", "vm"): recorded}


@pytest.mark.simulator
def test_reports_other_differences_besides_an_ignored_difference(
    four_layouts: Simulator, tmp_path: Path, record_with: Callable[..., SourceVm]
) -> None:
    file = fleets(fleet("one", "web") | {"sources": [{"vm": "web", "count": 1, "ignore_drift": ["annotation"]}]})
    record_with(file, "one", annotation="before the backup", guest_id="otherGuest64")
    with pytest.raises(RecordError) as caught:
        look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)
    assert str(caught.value).partition("Record and vCenter:\n")[2] == '  guest_id: "otherGuest64" → "ubuntu64Guest"'


@pytest.mark.simulator
def test_reports_an_unreadable_record_and_a_missing_vm(four_layouts: Simulator, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    path = tmp_path / "sources" / "one-s0.json"
    path.write_text('{"schema": 1, "sou')
    with pytest.raises(InstantCloneError) as caught:
        look_up_sources(fleets(fleet("one", "web", "smal")), environ=four_layouts.environment({}), folder=tmp_path)
    assert type(caught.value) is InstantCloneError
    first, second = caught.value.findings
    assert (first.where, first.what.partition(":")[0]) == (str(path), "the record is not JSON")
    assert second.where == "fleet one, source s1, smal"


@pytest.mark.simulator
def test_reports_all_missing_vms_in_one_error(four_layouts: Simulator, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        look_up_sources(
            fleets(fleet("one", "wbe", "web", "moid:vm-99999"), fleet("two", "/DC0/vm/smal")),
            environ=four_layouts.environment({}),
            folder=tmp_path,
        )
    server = four_layouts.address
    assert str(caught.value) == (
        f"fleet one, source s0, wbe: /DC0 of vCenter {server} has no VM with this name. Did you mean 'web'?\n"
        f"fleet one, source s2, moid:vm-99999: vCenter {server} has no VM with this managed object id."
        " Use the VM's name or inventory path.\n"
        f"fleet two, source s0, /DC0/vm/smal: vCenter {server} has no VM with this path. Did you mean 'small'?"
    )
    assert four_layouts.sessions() == 0


@pytest.mark.simulator
def test_reports_a_missing_source_with_its_record(four_layouts: Simulator, tmp_path: Path) -> None:
    live = look_up_sources(fleets(fleet("one", "web")), environ=four_layouts.environment({}), folder=tmp_path)
    path = tmp_path / "sources" / "one-s0.json"
    recorded = live["one", "s0"].model_copy(update={"name": "gone", "inventory_path": "/DC0/vm/gone"})
    record.save(recorded, path)
    file = fleets(fleet("one", "gone"))
    with pytest.raises(NotFoundError) as caught:
        look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)
    assert str(caught.value) == (
        f"fleet one, source s0, gone: /DC0 of vCenter {four_layouts.address} has no VM with this name. Check the name."
        f" Alternatively, set INSTANT_CLONE_LOOKUP=record to use the record {path}."
    )
    four_layouts.requests(reset=True)
    environ = four_layouts.environment({}) | {LOOKUP_VARIABLE: "record"}
    assert look_up_sources(file, environ=environ, folder=tmp_path) == {("one", "s0"): recorded}
    assert four_layouts.requests() == {}


@pytest.mark.simulator
def test_record_from_before_a_field_existed_does_not_stop_the_synthesis(
    start_simulator: StartSimulator, tmp_path: Path
) -> None:
    simulator = start_simulator("-source", "web")
    create_vm_outside_of_clusters(simulator, "alone")
    environ, file = simulator.environment({}), fleets(fleet("one", "alone"))
    (live,) = look_up_sources(file, environ=environ, folder=tmp_path).values()
    assert live.standalone_host is True
    record.save(live.model_copy(update={"standalone_host": None}), tmp_path / "sources" / "one-s0.json")
    assert look_up_sources(file, environ=environ, folder=tmp_path) == {("one", "s0"): live}


@pytest.mark.simulator
def test_reports_findings_of_several_kinds_in_one_error(simulator: Simulator, tmp_path: Path) -> None:
    simulator.fault("FindByInventoryPath", "NoPermission", at="call")
    with pytest.raises(VcenterError) as caught:
        look_up_sources(
            fleets(fleet("one", "/DC0/vm/golden-web", "nothing")), environ=simulator.environment({}), folder=tmp_path
        )
    assert type(caught.value) is VcenterError
    assert [finding.where for finding in caught.value.findings] == [
        f"fleet one, source s0, {simulator.address} (looking up /DC0/vm/golden-web)",
        "fleet one, source s1, nothing",
    ]
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_reads_records_without_a_server(four_layouts: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "web", "small"))
    live = look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)
    record.save(live["one", "s0"], tmp_path / "sources" / "one-s0.json")
    record.save(live["one", "s1"], tmp_path / "sources" / "one-s1.json")
    assert look_up_sources(file, environ={"VSPHERE_SERVER": ""}, folder=tmp_path) == live


def test_live_look_up_needs_a_server(tmp_path: Path) -> None:
    environ = {LOOKUP_VARIABLE: "live", "VSPHERE_USER": "u", "VSPHERE_PASSWORD": "p"}
    with pytest.raises(ConnectError) as caught:
        look_up_sources(fleets(fleet("one", "web")), environ=environ, folder=tmp_path)
    assert str(caught.value) == "VSPHERE_SERVER is not set. Set it to vCenter's host, or host:port."


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("recrod", "Did you mean 'record'?"),
        ("Live", "Did you mean 'live'?"),
        ("offline!", "Valid values are auto, live, record."),
    ],
)
def test_rejects_an_unknown_look_up_mode(tmp_path: Path, written: str, cure: str) -> None:
    with pytest.raises(InstantCloneError) as caught:
        look_up_sources(fleets(fleet("one", "web")), environ={LOOKUP_VARIABLE: written}, folder=tmp_path)
    assert str(caught.value) == f"INSTANT_CLONE_LOOKUP: {written!r} is not a valid value. {cure}"


def test_reports_all_missing_records_in_one_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        look_up_sources(fleets(fleet("one", "web", "small")), environ={}, folder=tmp_path)
    cure = "Run `instant-clone record` to read the source from vCenter and write the record."
    assert str(caught.value) == (
        f"{tmp_path}/sources/one-s0.json: the record does not exist. {cure}\n"
        f"{tmp_path}/sources/one-s1.json: the record does not exist. {cure}"
    )


def test_reads_records_without_pyvmomi() -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from instant_clone.fleet import FleetFile\n"
        "from instant_clone.sources import look_up_sources\n"
        "look_up_sources(FleetFile(fleets={}), environ={}, folder=Path())\n"
        "print('pyVmomi' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_rejects_a_record_of_another_vm(tmp_path: Path) -> None:
    record.save(default(name="golden-web", inventory_path="/DC0/vm/golden-web"), tmp_path / "sources" / "web-s0.json")

    with pytest.raises(RecordError) as caught:
        look_up_sources(fleets(fleet("web", "goldn-web")), environ={}, folder=tmp_path)

    assert str(caught.value) == (
        f"fleet web, source s0: the record {tmp_path}/sources/web-s0.json is a record of /DC0/vm/golden-web, but the "
        "source is 'goldn-web'. Run `instant-clone record web`, or set vm to the recorded VM."
    )
