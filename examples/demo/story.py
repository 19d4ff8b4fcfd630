# SPDX-License-Identifier: MPL-2.0
"""The steps of the demo, each of which checks that it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from testkit.simulator import Simulator
from testkit.workspace import Finished, Workspace

__all__ = ["DemoError", "Story"]

CLONES = {"web": 3, "lab": 2}
"""the fleets of examples/demo/fleets.toml, and how many clones each has"""
SOURCES = ("golden-web", "golden-lab")
# What of the long output of cdktf and Terraform tells the story.
_PLAN = ("will be created", "will be destroyed", "will be updated", "must be replaced", "Plan:", "No changes.", "Error")
_APPLY = ("Creation complete", "Modifications complete", "Destruction complete", "complete!", "Error")


class DemoError(Exception):
    """A step that does not hold."""


class Story:
    """Tells and checks the steps, in a workspace that talks to a simulator."""

    def __init__(self, console: Console, workspace: Workspace, simulator: Simulator, log: Path) -> None:
        """What the commands say in full goes into the file `log`."""
        self._console = console
        self._workspace = workspace
        self._simulator = simulator
        self._log = log
        self._fleets = dict(CLONES)
        self._clones: dict[str, str] = {}
        self.steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Look the source VMs up and record them", self.record),
            (f"Plan two fleets of {' and '.join(map(str, CLONES.values()))} instant clones", self.plan),
            ("Make them", self.deploy),
            ("See them", self.show),
            ("Plan again: nothing may change", self.plan_again),
            ("One more", self.grow),
            ("Was any clone touched since it was made?", self.prove),
            ("Remove the fleets", self.destroy),
        )

    def record(self) -> None:
        """Looks the sources up."""
        self._run("instant-clone", "record", told=None)
        self._say("The records are what a synth without vCenter uses, and what a review sees change.")

    def plan(self) -> None:
        """Plans the clones."""
        for fleet, count in self._fleets.items():
            planned = self._run("cdktf", "diff", fleet, told=_PLAN)
            # The clones, a DRS override for each, the folder, and the owner.
            _check(f"Plan: {2 * count + 2} to add, 0 to change, 0 to destroy." in planned.output, "another plan")

    def deploy(self) -> None:
        """Makes the clones."""
        self._deploy()

    def show(self) -> None:
        """Shows the clones as the outputs have them, and what vCenter shows of their disks."""
        addresses = self._outputs("addresses")
        table = Table(box=None, header_style="bold")
        for heading in ("clone", "UUID", "address", "disk chain"):
            table.add_column(heading, no_wrap=True)
        for name, uuid in self._clones.items():
            deltas = self._simulator.vm(name).deltas
            table.add_row(name, uuid, addresses.get(name, ""), str(max(deltas.values())))
        self._console.print(table)
        self._say(
            "A clone's disks are deltas on its source's. As the source runs, its own chain grows with each clone;"
        )
        self._say("that of a source frozen from within its guest does not.")
        _check(len(set(addresses.values())) == CLONES["web"], "clones share an address")

    def plan_again(self) -> None:
        """Plans once more."""
        self._expect_no_changes()

    def grow(self) -> None:
        """Adds a clone by changing one number."""
        self._fleets["web"] += 1
        self._workspace.set_count(self._fleets["web"])
        self._say(f"fleets.toml: count = {self._fleets['web']}")
        before = dict(self._clones)
        self._deploy()
        _check(before.items() <= self._clones.items(), "a clone that was there has changed")

    def prove(self) -> None:
        """Reads in the simulator's log which calls changed a clone."""
        self._expect_no_changes()
        calls = [call for call in self._simulator.calls() if call.vm in self._clones]
        for call in calls:
            self._say(f"{call.method} on {call.vm}")
        _check(not calls, "a clone was reconfigured, powered off or moved")
        made = [call.clone for call in self._simulator.calls() if call.method == "InstantClone_Task"]
        _check(sorted(made) == sorted(self._clones), "not every clone is an instant clone")
        self._say(
            f"vCenter's log: {len(made)} × InstantClone_Task on the sources, and no call at all on the clones: none "
            "was reconfigured, powered off or moved."
        )

    def destroy(self) -> None:
        """Removes everything."""
        self._run("cdktf", "destroy", *self._fleets, "--auto-approve")
        left = [name for name in self._clones if self._exists(name)]
        _check(not left, f"still there: {', '.join(left)}")

    def _deploy(self) -> None:
        self._run("cdktf", "deploy", *self._fleets, "--auto-approve", "--outputs-file", "outputs.json")
        self._clones = self._outputs("clones")
        wanted = sum(self._fleets.values())
        _check(len(self._clones) == wanted, f"{len(self._clones)} clones instead of {wanted}")

    def _exists(self, name: str) -> bool:
        try:
            self._simulator.vm(name)
        except KeyError:
            return False
        return True

    def _expect_no_changes(self) -> None:
        for fleet in self._fleets:
            planned = self._run("cdktf", "diff", fleet, told=_PLAN)
            _check("No changes." in planned.output, "the plan is not empty")

    def _run(self, *command: str, told: tuple[str, ...] | None = _APPLY) -> Finished:
        self._console.print(Text(f"$ {' '.join(command)}", style="bold"))

        def tell(line: str) -> None:
            text = _without_stack(line)
            if told is None or any(word in text for word in told):
                self._say(text)

        finished = self._workspace.run(*command, each_line=tell)
        with self._log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n{finished.output}\n")
        if finished.code != 0:
            raise DemoError(f"{' '.join(command)} ended with exit code {finished.code}:\n{finished.output[-3000:]}")
        return finished

    def _outputs(self, name: str) -> dict[str, str]:
        """What all fleets that have such an output say in it, by clone."""
        outputs: dict[str, Any] = json.loads((self._workspace.folder / "outputs.json").read_text())
        return {
            str(clone): str(value)
            for fleet in self._fleets
            for clone, value in outputs[fleet]["fleet"].get(name, {}).items()
        }

    def _say(self, text: str) -> None:
        self._console.print(Text(f"  {text}", style="dim" if text.startswith(("#", "vsphere_")) else ""))


def _without_stack(line: str) -> str:
    """A line of cdktf's output without the stack's name, with which it begins the first of several."""
    return re.sub(rf"^(?:{'|'.join(CLONES)})\s", "", line).strip()


def _check(holds: object, otherwise: str) -> None:
    if not holds:
        raise DemoError(otherwise)
