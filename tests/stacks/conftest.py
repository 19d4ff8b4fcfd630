# SPDX-License-Identifier: MPL-2.0
"""Helpers that synthesize fleets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from instant_clone.fleet import Fleet, FleetFile, ProviderSettings, Source, StateSettings
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.source_vm import SourceVm
from stacks import add_stacks
from tests.instant_clone.replica.replica_layouts import default

__all__ = ["fleet", "machine", "synthesize"]


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fleet(name: str = "web", **values: Any) -> Fleet:
    """Return a fleet with one clone."""
    defaults = {
        "name": name,
        "datacenter": "DC0",
        "datastore": "LocalDS_0",
        "resource_pool": "DC0_C0/Resources",
        "sources": (Source(vm="golden", count=1),),
    }
    return Fleet.model_validate(defaults | values)


def synthesize(
    *fleets: Fleet,
    source: SourceVm | None = None,
    sources: Mapping[str, SourceVm] | None = None,
    release: str = "2.16.1",
    state: StateSettings | None = None,
) -> dict[str, Any]:
    """Return the JSON of each stack by name. `sources` are VMs by source key; `source` is the VM of all other keys."""
    settings = ProviderSettings(version=ProviderVersion(release))
    fleet_file = FleetFile(
        provider=settings, state=state or StateSettings(), fleets={fleet.name: fleet for fleet in fleets}
    )
    machines = {
        (fleet.name, fleet_source.key): (sources or {}).get(fleet_source.key) or source or default()
        for fleet in fleets
        for fleet_source in fleet.sources
    }
    # The path is absolute, because cdktf's Node process keeps the working directory from its start.
    app = App(outdir=str(Path.cwd() / "cdktf.out"), stack_traces=False)
    add_stacks(app, fleet_file, machines)
    app.synth()
    stacks = sorted(Path("cdktf.out", "stacks").iterdir())
    return {stack.name: json.loads((stack / "cdk.tf.json").read_text()) for stack in stacks}


def machine(stack: dict[str, Any], name: str = "vm") -> dict[str, Any]:
    """Return one vsphere_virtual_machine resource of a stack."""
    found: dict[str, Any] = stack["resource"]["vsphere_virtual_machine"][name]
    return found
