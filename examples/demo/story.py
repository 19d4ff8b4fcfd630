"""The steps of the demo, each of which checks that it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.support.simulator import Simulator
from tests.support.workspace import Finished, Workspace

__all__ = ["DemoError", "Story"]

FLEET = "web"
SOURCE = "golden-web"
CLONES = 3
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
        self._clones: dict[str, str] = {}
        self.steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Look the source VM up and record it", self.record),
            (f"Plan {CLONES} instant clones", self.plan),
            ("Make them", self.deploy),
            ("See them", self.show),
            ("Plan again: nothing may change", self.plan_again),
            ("One more", self.grow),
            ("Was any clone touched since it was made?", self.prove),
            ("Remove the fleet", self.destroy),
        )

    def record(self) -> None:
        """Looks the source up."""
        self._run("instant-clone", "record", told=None)
        self._say("The record is what a synth without vCenter uses, and what a review sees change.")

    def plan(self) -> None:
        """Plans the clones."""
        planned = self._run("cdktf", "diff", FLEET, told=_PLAN)
        # The clones, one DRS override for each, and the folder.
        _check(f"Plan: {2 * CLONES + 1} to add, 0 to change, 0 to destroy." in planned.output, "another plan")

    def deploy(self) -> None:
        """Makes the clones."""
        self._run("cdktf", "deploy", FLEET, "--auto-approve", "--outputs-file", "outputs.json")
        self._clones = self._output("clones")
        _check(len(self._clones) == CLONES, f"{len(self._clones)} clones instead of {CLONES}")

    def show(self) -> None:
        """Shows the clones as the outputs have them, and what vCenter shows of their disks."""
        addresses = self._output("addresses")
        table = Table(box=None, header_style="bold")
        for heading in ("clone", "UUID", "address", "power", "disk chain"):
            table.add_column(heading, no_wrap=True)
        for name, uuid in self._clones.items():
            state = self._simulator.vm(name)
            table.add_row(name, uuid, addresses[name], state.power, str(max(state.deltas.values())))
        self._console.print(table)
        self._say(
            "A clone's disks are deltas on its source's. As the source runs, its own chain grows with each clone;"
        )
        self._say("that of a source frozen from within its guest does not.")
        _check(len(set(addresses.values())) == CLONES, "clones share an address")

    def plan_again(self) -> None:
        """Plans once more."""
        self._expect_no_changes()

    def grow(self) -> None:
        """Adds a clone by changing one number."""
        self._workspace.set_count(CLONES + 1)
        self._say(f"fleets.toml: count = {CLONES + 1}")
        before = dict(self._clones)
        self._run("cdktf", "deploy", FLEET, "--auto-approve", "--outputs-file", "outputs.json")
        self._clones = self._output("clones")
        _check(len(self._clones) == CLONES + 1, f"{len(self._clones)} clones instead of {CLONES + 1}")
        _check(before.items() <= self._clones.items(), "a clone that was there has changed")

    def prove(self) -> None:
        """Reads in the simulator's log which calls changed a clone."""
        self._expect_no_changes()
        calls = [call for call in self._simulator.calls() if call.vm in self._clones]
        for call in calls:
            self._say(f"{call.method} on {call.vm}")
        _check(not calls, "a clone was reconfigured, powered off or moved")
        made = [call.clone for call in self._simulator.calls(SOURCE) if call.method == "InstantClone_Task"]
        _check(sorted(made) == sorted(self._clones), "not every clone is an instant clone")
        self._say(
            f"vCenter's log: {len(made)} × InstantClone_Task on {SOURCE}, and on the clones no call at all: none was "
            "reconfigured, powered off or moved."
        )

    def destroy(self) -> None:
        """Removes everything."""
        self._run("cdktf", "destroy", FLEET, "--auto-approve")
        left = [name for name in self._clones if self._exists(name)]
        _check(not left, f"still there: {', '.join(left)}")

    def _exists(self, name: str) -> bool:
        try:
            self._simulator.vm(name)
        except KeyError:
            return False
        return True

    def _expect_no_changes(self) -> None:
        _check("No changes." in self._run("cdktf", "diff", FLEET, told=_PLAN).output, "the plan is not empty")

    def _run(self, *command: str, told: tuple[str, ...] | None = _APPLY) -> Finished:
        self._console.print(Text(f"$ {' '.join(command)}", style="bold"))

        def tell(line: str) -> None:
            text = line.removeprefix(FLEET).strip()
            if told is None or any(word in text for word in told):
                self._say(text)

        finished = self._workspace.run(*command, each_line=tell)
        with self._log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n{finished.output}\n")
        if finished.code != 0:
            raise DemoError(f"{' '.join(command)} ended with exit code {finished.code}:\n{finished.output[-3000:]}")
        return finished

    def _output(self, name: str) -> dict[str, str]:
        outputs: dict[str, Any] = json.loads((self._workspace.folder / "outputs.json").read_text())
        return {str(key): str(value) for key, value in outputs[FLEET]["fleet"][name].items()}

    def _say(self, text: str) -> None:
        self._console.print(Text(f"  {text}", style="dim" if text.startswith(("#", "vsphere_")) else ""))


def _check(holds: object, otherwise: str) -> None:
    if not holds:
        raise DemoError(otherwise)
