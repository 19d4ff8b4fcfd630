# SPDX-License-Identifier: MPL-2.0
"""The steps of the demo. Each step checks its result."""

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
"""the number of clones of each fleet in examples/demo/fleets.toml"""
SOURCES = ("golden-web", "golden-lab")
# The demo prints only lines of cdktf and Terraform that contain one of these texts.
_PLAN = ("will be created", "will be destroyed", "will be updated", "must be replaced", "Plan:", "No changes.", "Error")
_APPLY = ("Creation complete", "Modifications complete", "Destruction complete", "complete!", "Error")


class DemoError(Exception):
    """A step does not have the expected result."""


class Story:
    """The steps of the demo in a workspace that uses a simulator."""

    def __init__(self, console: Console, workspace: Workspace, simulator: Simulator, log: Path) -> None:
        """Prepare the steps. The full output of all commands goes to the file `log`."""
        self._console = console
        self._workspace = workspace
        self._simulator = simulator
        self._log = log
        self._fleets = dict(CLONES)
        self._clones: dict[str, str] = {}
        self.steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Look up the source VMs and record them", self.record),
            (f"Plan two fleets of {' and '.join(map(str, CLONES.values()))} instant clones", self.plan),
            ("Create the clones", self.deploy),
            ("Show the clones", self.show),
            ("Plan again: expect no changes", self.plan_again),
            ("Add one clone", self.grow),
            ("Check that no clone was changed after its creation", self.prove),
            ("Destroy the fleets", self.destroy),
        )

    def record(self) -> None:
        """Look up the sources and record them."""
        self._run("instant-clone", "record", printed=None)
        self._print("A synth without vCenter uses the records, and a review shows changes of the records.")

    def plan(self) -> None:
        """Plan the fleets."""
        for fleet, count in self._fleets.items():
            planned = self._run("cdktf", "diff", fleet, printed=_PLAN)
            # The plan has a DRS override per clone, and a folder and terraform_data.owner per fleet.
            _check(
                f"Plan: {2 * count + 2} to add, 0 to change, 0 to destroy." in planned.output,
                "the plan has other changes than expected",
            )

    def deploy(self) -> None:
        """Create the clones."""
        self._deploy()

    def show(self) -> None:
        """Print the clones from the outputs, and the length of their disk chains in vCenter."""
        addresses = self._outputs("addresses")
        table = Table(box=None, header_style="bold")
        for heading in ("clone", "UUID", "address", "disk chain"):
            table.add_column(heading, no_wrap=True)
        for name, uuid in self._clones.items():
            deltas = self._simulator.vm(name).deltas
            table.add_row(name, uuid, addresses.get(name, ""), str(max(deltas.values())))
        self._console.print(table)
        self._print(
            "A clone's disks are delta disks of its source's disks. The disk chain of a running source grows with each"
        )
        self._print("clone; the disk chain of a frozen source does not grow.")
        _check(len(set(addresses.values())) == CLONES["web"], "two clones have the same address")

    def plan_again(self) -> None:
        """Plan again, and check that there are no changes."""
        self._expect_no_changes()

    def grow(self) -> None:
        """Add a clone by changing one number in the fleet file."""
        self._fleets["web"] += 1
        self._workspace.set_count(self._fleets["web"])
        self._print(f"fleets.toml: count = {self._fleets['web']}")
        before = dict(self._clones)
        self._deploy()
        _check(before.items() <= self._clones.items(), "an existing clone has changed")

    def prove(self) -> None:
        """Check in the simulator's log that no call changed a clone."""
        self._expect_no_changes()
        calls = [call for call in self._simulator.calls() if call.vm in self._clones]
        for call in calls:
            self._print(f"{call.method} on {call.vm}")
        _check(not calls, "a clone was reconfigured, powered off or moved")
        made = [call.clone for call in self._simulator.calls() if call.method == "InstantClone_Task"]
        _check(sorted(made) == sorted(self._clones), "a clone is not an instant clone")
        self._print(
            f"vCenter's log: {len(made)} × InstantClone_Task on the sources, and no call that reconfigures, powers off "
            "or moves a clone."
        )

    def destroy(self) -> None:
        """Destroy the fleets."""
        self._run("cdktf", "destroy", *self._fleets, "--auto-approve")
        remaining = [name for name in self._clones if self._exists(name)]
        _check(not remaining, f"these clones still exist: {', '.join(remaining)}")

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
            planned = self._run("cdktf", "diff", fleet, printed=_PLAN)
            _check("No changes." in planned.output, "the plan is not empty")

    def _run(self, *command: str, printed: tuple[str, ...] | None = _APPLY) -> Finished:
        self._console.print(Text(f"$ {' '.join(command)}", style="bold"))

        def print_line(line: str) -> None:
            text = _without_stack(line)
            if printed is None or any(word in text for word in printed):
                self._print(text)

        finished = self._workspace.run(*command, each_line=print_line)
        with self._log.open("a") as log:
            log.write(f"$ {' '.join(command)}\n{finished.output}\n")
        if finished.code != 0:
            raise DemoError(f"`{' '.join(command)}` exited with code {finished.code}:\n{finished.output[-3000:]}")
        return finished

    def _outputs(self, name: str) -> dict[str, str]:
        """Return the output `name` of all fleets that have it, by clone."""
        outputs: dict[str, Any] = json.loads((self._workspace.folder / "outputs.json").read_text())
        return {
            str(clone): str(value)
            for fleet in self._fleets
            for clone, value in outputs[fleet]["fleet"].get(name, {}).items()
        }

    def _print(self, text: str) -> None:
        self._console.print(Text(f"  {text}", style="dim" if text.startswith(("#", "vsphere_")) else ""))


def _without_stack(line: str) -> str:
    """Return a line of cdktf's output without the stack's name. cdktf adds the name to the first of several lines."""
    return re.sub(rf"^(?:{'|'.join(CLONES)})\s", "", line).strip()


def _check(passed: object, problem: str) -> None:
    if not passed:
        raise DemoError(problem)
