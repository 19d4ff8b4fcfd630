# SPDX-License-Identifier: MPL-2.0
"""Clone many sources in one run of Terraform, and collect the problems of each clone."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from constructs.literals import literals
from instant_clone.ownership import OWNER_KEY
from instant_clone.replica import replicate
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.differences import differences
from instant_clone.vm.source_vm import SourceVm
from testkit.clone_stack import PROVIDER_SOURCE, machine
from testkit.layouts.comparing import differences_of
from testkit.simulator import Simulator
from tests.e2e.terraform import Outcome, Terraform
from tests.vcsim.client import Client

__all__ = ["Pair", "Trial", "repeated", "tried"]

RESOURCE = "vsphere_virtual_machine"
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Pair:
    """The names of a source and its clone in the VM folder of the datacenter."""

    source: str
    clone: str


@dataclass
class Trial:
    """The problems of each clone, by resource address. The key "" has problems that do not belong to a single clone."""

    wrong: dict[str, list[str]]
    calls: dict[str, int] = field(default_factory=dict)
    """number of calls on each clone, without the call that created it"""
    seconds: dict[str, float] = field(default_factory=dict)
    """duration of each step"""

    def blame(self, address: str, problem: str) -> None:
        """Record a problem of a clone. Problems of unknown addresses belong to the key ""."""
        self.wrong.setdefault(address if address in self.wrong else "", []).append(problem)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the duration of the block, and store it as the duration of the step `name`."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 1)


def repeated(source: SourceVm, release: ProviderVersion, name: str) -> dict[str, Any]:
    """Return the arguments of a clone of `source` as values.

    Raises:
        ReplicaError: `release` cannot express the hardware of `source`.
    """
    replica = replicate(source, release)
    body = machine(source, release, name=name, **({"vtpm": [{}]} if replica.vtpm else {}))
    # Strings of a VM can contain template markers of Terraform.
    return {**body, **literals(replica.arguments)}


def tried(
    terraform: Terraform,
    simulator: Simulator,
    client: Client,
    document: Mapping[str, Any],
    pairs: Mapping[str, Pair],
    *,
    stock_source: str,
) -> Trial:
    """Apply `document`, check each clone, and return the problems. `pairs` are the clones by resource address.

    The checks are:

    - the apply changes neither the clone nor its source
    - the clone equals its source
    - the next plan is empty
    - the plan of the unmodified stock provider is empty, for the same state and a configuration without the block
      instantclone; `stock_source` is the source address of the stock provider
    """
    trial = Trial({address: [] for address in pairs})
    before = {pair.source: len(simulator.calls(pair.source)) for pair in pairs.values()}
    terraform.write(document)
    with trial.step("apply"):
        outcome = _run_to_end(terraform, "apply")
    _add_diagnostics(trial, outcome)
    applied = _addresses(terraform)
    refused = {each.address for each in outcome.errors if each.address in pairs}
    if refused and refused != set(pairs) and not applied:
        # If the plan fails for one clone, Terraform does not apply any clone.
        document = _without_clones(document, refused)
        terraform.write(document)
        _add_diagnostics(trial, _run_to_end(terraform, "apply"))
        applied = _addresses(terraform)
    with trial.step("compare"):
        for address, pair in pairs.items():
            if address not in applied:
                trial.blame(address, "was not created")
                continue
            calls = [call.method for call in simulator.calls(pair.clone)]
            trial.calls[address] = len(calls)
            if calls:
                trial.blame(address, f"was changed: {', '.join(calls)}")
            on_source = [call.method for call in simulator.calls(pair.source)[before[pair.source] :]]
            if on_source != ["InstantClone_Task"]:
                trial.blame(address, f"its source was changed: {', '.join(on_source)}")
            source, clone = client.vm(pair.source), client.vm(pair.clone)
            for difference in differences_of(source, clone, added=(OWNER_KEY,)):
                trial.blame(address, f"differs: {difference}")
    if not applied:
        return trial
    with trial.step("second plan"):
        _must_be_empty(trial, terraform, "second plan")
    with trial.step("stock provider alone"):
        terraform.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, stock_source).require()
        terraform.write(_without_the_plugin(document, stock_source))
        terraform.init("-upgrade")
        _must_be_empty(trial, terraform, "stock provider alone")
    return trial


def _run_to_end(terraform: Terraform, command: str, *arguments: str) -> Outcome:
    """Run a command with a long timeout: it handles about a hundred clones, and the machine can be busy."""
    with terraform.start(command, *arguments) as running:
        return running.finish(seconds=_TIMEOUT_SECONDS)


def _without_clones(document: Mapping[str, Any], addresses: Collection[str]) -> dict[str, Any]:
    """Return `document` without the clones at these addresses, which no other resource may reference."""
    machines = document["resource"][RESOURCE]
    kept = {name: body for name, body in machines.items() if f"{RESOURCE}.{name}" not in addresses}
    return {**document, "resource": {**document["resource"], RESOURCE: kept}}


def _addresses(terraform: Terraform) -> set[str]:
    """Return the addresses of the clones in the state that are not tainted."""
    if not (terraform.folder / "terraform.tfstate").exists():
        return set()
    return {
        f"{RESOURCE}.{resource['name']}" + (f'["{instance["index_key"]}"]' if "index_key" in instance else "")
        for resource in json.loads(terraform.state_text)["resources"]
        if (resource["mode"], resource["type"]) == ("managed", RESOURCE)
        for instance in resource["instances"]
        if instance.get("status") != "tainted"
    }


def _add_diagnostics(trial: Trial, outcome: Outcome, step: str = "apply") -> None:
    for diagnostic in outcome.diagnostics:
        trial.blame(diagnostic.address, f"{step}: {diagnostic}")


def _must_be_empty(trial: Trial, terraform: Terraform, step: str) -> None:
    outcome = _run_to_end(terraform, "plan", "-out=saved")
    _add_diagnostics(trial, outcome, step)
    if outcome.code or not outcome.changes:
        return
    shown = json.loads(terraform.run("show", "-json", "saved").require().stdout)
    for change in shown["resource_changes"]:
        if change["address"] in outcome.changes:
            found = differences(change["change"]["before"] or {}, change["change"]["after"] or {}, blocks_only=True)
            what = ", ".join(f"{each.path}: {each.before!r} → {each.after!r}" for each in found)
            trial.blame(change["address"], f"{step}: {'/'.join(change['change']['actions'])} {what}")


def _without_the_plugin(document: Mapping[str, Any], stock_source: str) -> dict[str, Any]:
    whole: dict[str, Any] = deepcopy(dict(document))
    whole["terraform"]["required_providers"]["vsphere"]["source"] = stock_source
    for body in whole["resource"][RESOURCE].values():
        del body["instantclone"]
    return whole
