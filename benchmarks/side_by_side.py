# SPDX-License-Identifier: MPL-2.0
"""Real Terraform with the plugin, and with the same stock provider alone."""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.measuring import BenchmarkError, Measured
from benchmarks.peaks import Peaks
from testkit.clone_stack import PROVIDER_SOURCE, document
from testkit.mirrors import STOCK_SOURCE, mirrored
from testkit.simulator import Simulator
from testkit.stock import StockProvider
from tests.e2e.terraform import Outcome, Terraform

__all__ = ["SideBySide", "require", "timed", "without_plugin"]

_PLUGIN = "instant_clone.plugin"
_TIMEOUT_SECONDS = 1800
"""the time limit of one Terraform command; it allows hundreds of clones on a busy machine"""


class SideBySide:
    """Initialized Terraform folders: some with the plugin, some with the stock provider alone."""

    def __init__(self, folder: Path, stock: StockProvider) -> None:
        """Create `folder`, install both providers and run `terraform init`. `folder` must not exist."""
        self._folder = folder
        self.release = stock.release
        _, _, kept = mirrored(folder, stock.path)
        self._environment = {key: value for key, value in kept.items() if not key.startswith("INSTANT_CLONE_")}
        for name, written in (("plugin", document(stock.release, {})), ("stock", self._with_stock({}))):
            terraform = Terraform(folder / name, self._environment)
            terraform.write(written)
            require(terraform.run("init", "-no-color", "-input=false"))

    def _with_stock(self, machines: Mapping[str, Any]) -> dict[str, Any]:
        return without_plugin(document(self.release, machines))

    def plugin(self, name: str, simulator: Simulator) -> Terraform:
        """Return a new folder in which Terraform uses the plugin."""
        return self._terraform("plugin", name, simulator)

    def stock(self, name: str, simulator: Simulator) -> Terraform:
        """Return a new folder in which Terraform uses the stock provider."""
        return self._terraform("stock", name, simulator)

    def _terraform(self, provider: str, name: str, simulator: Simulator) -> Terraform:
        environment = simulator.environment(self._environment)
        return Terraform(self._folder / f"{provider}-{name}", environment, initialised=self._folder / provider)

    def hand_over(self, plugin: Terraform, stock: Terraform) -> None:
        """Copy state and configuration from `plugin` to `stock`. Omit the parts that only the plugin supports."""
        configuration = json.loads((plugin.folder / "main.tf.json").read_text())
        stock.write(without_plugin(configuration))
        if (plugin.folder / "terraform.tfstate").exists():
            shutil.copy2(plugin.folder / "terraform.tfstate", stock.folder)
            require(stock.run("state", "replace-provider", "-auto-approve", PROVIDER_SOURCE, STOCK_SOURCE))


def without_plugin(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the address of the stock provider and without the block instantclone."""
    whole: dict[str, Any] = json.loads(json.dumps(configuration))
    whole["terraform"]["required_providers"]["vsphere"]["source"] = STOCK_SOURCE
    for body in whole.get("resource", {}).get("vsphere_virtual_machine", {}).values():
        body.pop("instantclone", None)
    return whole


def timed(terraform: Terraform, command: str, *arguments: str, changes: int) -> Measured:
    """Run Terraform. Return its time, the CPU time of all its processes, and the highest peak of a plugin process.

    Raises:
        BenchmarkError: Terraform fails, or the number of changed resources is not `changes`.
    """
    used = _cpu_seconds_of_ended()
    begun = time.perf_counter()
    with terraform.start(command, *arguments) as running, Peaks(running.process.pid, _PLUGIN) as peaks:
        outcome = running.finish(seconds=_TIMEOUT_SECONDS)
    seconds = time.perf_counter() - begun
    require(outcome)
    if len(outcome.changes) != changes:
        raise BenchmarkError(f"terraform {command}: {len(outcome.changes)} changes instead of {changes}")
    return Measured(seconds, cpu_seconds=_cpu_seconds_of_ended() - used, megabytes=peaks.megabytes)


def require(outcome: Outcome) -> None:
    """Raise BenchmarkError with Terraform's output if Terraform failed."""
    try:
        outcome.require()
    except AssertionError as failure:
        raise BenchmarkError(f"Terraform failed:\n{failure}") from None


def _cpu_seconds_of_ended() -> float:
    """Return the CPU time of all ended child processes, and of the descendants that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
