# SPDX-License-Identifier: MPL-2.0
"""`python -m examples.demo`: the demo, from an empty folder to an empty folder. Exit code 1 if a step does not hold."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from examples.demo.story import SOURCES, DemoError, Story
from instant_clone.errors import InstantCloneError
from instant_clone.terraform import terraform_binary
from testkit.simulator import Simulator, SimulatorError
from testkit.workspace import PROJECT, Workspace

FOLDER = PROJECT / ".demo"
FLEETS = Path(__file__).with_name("fleets.toml")
LOG = PROJECT / ".tools" / "log" / "demo.log"


def main() -> int:
    """Runs the steps; the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    # So that an end from outside cleans up too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(FOLDER, ignore_errors=True)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("")
    begun = time.monotonic()
    try:
        _tell(console)
    except KeyboardInterrupt:
        console.print("\nStopped. Nothing of the demo is left.")
        return 130
    except (DemoError, SimulatorError, InstantCloneError) as failure:
        console.print(f"\n[bold red]This step does not hold:[/] {failure}", markup=True)
        console.print(f"What the commands said in full is in {LOG.relative_to(PROJECT)}.")
        return 1
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    console.print(Rule(style="dim"))
    console.print(
        f"All of it held, in {time.monotonic() - begun:.0f} s. Nothing is left but what the commands said, in "
        f"{LOG.relative_to(PROJECT)}.\n\n"
        'Where to go next: README.md, "Your own vCenter", in five steps.\n'
        "  fleets.toml            the fleets that you have just seen, with a comment on each line\n"
        "  npx cdktf synth        what Terraform gets, offline: cdktf.out/stacks/*/cdk.tf.json"
    )
    return 0


def _tell(console: Console) -> None:
    stock = os.environ.get("STOCK_VSPHERE_PROVIDER")
    if not stock:
        raise DemoError("STOCK_VSPHERE_PROVIDER is not set. 'make demo' sets it.")
    with Simulator("-source", ",".join(SOURCES), "-layout", f"{SOURCES[1]}=two-controllers") as simulator:
        workspace = Workspace(FOLDER, stock_binary=Path(stock), vcenter=simulator.environment(base={}))
        workspace.copy(FLEETS)
        console.print(Rule("[bold]Instant Clone Fleet", style="dim"))
        console.print(
            f"Simulated: the vCenter, at {simulator.address}.\n"
            f"Real: cdktf, {_terraform(workspace)}, the vSphere provider {workspace.version} within our plugin."
        )
        story = Story(console, workspace, simulator, LOG)
        for number, (title, step) in enumerate(story.steps, start=1):
            console.print(Rule(f"[bold]{number}/{len(story.steps)}  {title}", align="left", style="dim"))
            step()


def _terraform(workspace: Workspace) -> str:
    said = subprocess.run(
        [terraform_binary(workspace.environment), "version"],
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
