# SPDX-License-Identifier: MPL-2.0
"""Fleets as stacks, synthesized."""

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
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fleet(name: str = "web", **values: Any) -> Fleet:
    """A fleet of one clone."""
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
    """The JSON of each stack, by its name; all fleets have one source, unless `sources` has one for a key."""
    settings = ProviderSettings(version=ProviderVersion(release))
    fleet_file = FleetFile(
        provider=settings, state=state or StateSettings(), fleets={fleet.name: fleet for fleet in fleets}
    )
    machines = {
        (fleet.name, own.key): (sources or {}).get(own.key) or source or default()
        for fleet in fleets
        for own in fleet.sources
    }
    # Absolute: the Node process behind cdktf stays in the folder that it was started in.
    app = App(outdir=str(Path.cwd() / "cdktf.out"), stack_traces=False)
    add_stacks(app, fleet_file, machines)
    app.synth()
    stacks = sorted(Path("cdktf.out", "stacks").iterdir())
    return {stack.name: json.loads((stack / "cdk.tf.json").read_text()) for stack in stacks}


def machine(stack: dict[str, Any], name: str = "vm") -> dict[str, Any]:
    """One resource of a stack."""
    found: dict[str, Any] = stack["resource"]["vsphere_virtual_machine"][name]
    return found
