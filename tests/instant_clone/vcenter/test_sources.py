"""Sources of fleets: live, or from records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from instant_clone import record
from instant_clone.errors import ConnectError, NotFoundError, RecordError, VcenterError
from instant_clone.fleet import FleetFile
from instant_clone.vcenter.sources import look_up_sources
from tests.support.simulator import Simulator


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


def fleets(*each: dict[str, object]) -> FleetFile:
    return FleetFile.model_validate({"fleets": {fleet["name"]: fleet for fleet in each}})


@pytest.mark.simulator
def test_all_sources_are_read_in_one_session_and_each_vm_once(four_layouts: Simulator, tmp_path: Path) -> None:
    four_layouts.requests(reset=True)
    found = look_up_sources(
        fleets(fleet("one", "web", "small"), fleet("two", "/DC0/vm/web")),
        environ=four_layouts.environment({}),
        folder=tmp_path,
    )
    assert {key: source.name for key, source in found.items()} == {
        ("one", "s0"): "web",
        ("one", "s1"): "small",
        ("two", "s0"): "web",
    }
    assert four_layouts.requests() == {
        "RetrieveServiceContent": 1,
        "Login": 1,
        "FindByInventoryPath": 2,
        "RetrievePropertiesEx": 2,
        "Logout": 1,
    }


@pytest.mark.simulator
def test_what_vcenter_says_goes_before_records(four_layouts: Simulator, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "one-s0.json").write_text("not to be read")
    found = look_up_sources(fleets(fleet("one", "web")), environ=four_layouts.environment({}), folder=tmp_path)
    assert found["one", "s0"].name == "web"


@pytest.mark.simulator
def test_all_missing_vms_are_told_at_once(four_layouts: Simulator, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        look_up_sources(
            fleets(fleet("one", "wbe", "web"), fleet("two", "smal")),
            environ=four_layouts.environment({}),
            folder=tmp_path,
        )
    server = four_layouts.address
    assert str(caught.value) == (
        f"fleet one, source s0, /DC0/vm/wbe: vCenter {server} has no such VM. Did you mean 'web'?\n"
        f"fleet two, source s0, /DC0/vm/smal: vCenter {server} has no such VM. Did you mean 'small'?"
    )
    assert four_layouts.sessions() == 0


@pytest.mark.simulator
def test_findings_of_several_kinds_are_one_error(simulator: Simulator, tmp_path: Path) -> None:
    simulator.fault("FindByInventoryPath", "NoPermission", at="call")
    with pytest.raises(VcenterError) as caught:
        look_up_sources(
            fleets(fleet("one", "golden-web", "nothing")), environ=simulator.environment({}), folder=tmp_path
        )
    assert type(caught.value) is VcenterError
    assert [finding.where for finding in caught.value.findings] == [
        f"fleet one, source s0, {simulator.address} (looking up /DC0/vm/golden-web)",
        "fleet one, source s1, /DC0/vm/nothing",
    ]
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_a_broken_connection_ends_the_look_up(simulator: Simulator, tmp_path: Path) -> None:
    simulator.drop("FindByInventoryPath", when="before")
    with pytest.raises(ConnectError):
        look_up_sources(
            fleets(fleet("one", "golden-web", "golden-off")), environ=simulator.environment({}), folder=tmp_path
        )
    assert simulator.requests()["FindByInventoryPath"] == 1
    assert simulator.sessions() == 0


@pytest.mark.simulator
def test_without_a_server_the_records_are_read(four_layouts: Simulator, tmp_path: Path) -> None:
    file = fleets(fleet("one", "web", "small"))
    live = look_up_sources(file, environ=four_layouts.environment({}), folder=tmp_path)
    record.save(live["one", "s0"], tmp_path / "sources" / "one-s0.json")
    record.save(live["one", "s1"], tmp_path / "sources" / "one-s1.json")
    assert look_up_sources(file, environ={"VSPHERE_SERVER": ""}, folder=tmp_path) == live


def test_all_missing_records_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        look_up_sources(fleets(fleet("one", "web", "small")), environ={}, folder=tmp_path)
    cure = "Run `instant-clone record` to look the source up and write the record anew."
    assert str(caught.value) == (
        f"{tmp_path}/sources/one-s0.json: there is no such record. {cure}\n"
        f"{tmp_path}/sources/one-s1.json: there is no such record. {cure}"
    )


def test_records_are_read_without_pyvmomi() -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from instant_clone.fleet import FleetFile\n"
        "from instant_clone.vcenter.sources import look_up_sources\n"
        "look_up_sources(FleetFile(fleets={}), environ={}, folder=Path())\n"
        "print('pyVmomi' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
