# SPDX-License-Identifier: MPL-2.0
"""`python -m examples.demo`: run the demo, and remove its files at the end. The exit code is 1 if a step fails."""

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
    """Run the steps, and return the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    # sys.exit() runs the cleanup below after a SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(FOLDER, ignore_errors=True)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_text("")
    begun = time.monotonic()
    try:
        _run_steps(console)
    except KeyboardInterrupt:
        console.print("\nStopped. The demo has removed its fleets, files and simulator.")
        return 130
    except (DemoError, SimulatorError, InstantCloneError) as failure:
        console.print(f"\n[bold red]This step failed:[/] {failure}", markup=True)
        console.print(f"The full output of the commands is in {LOG.relative_to(PROJECT)}.")
        return 1
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    console.print(Rule(style="dim"))
    console.print(
        f"All steps passed in {time.monotonic() - begun:.0f} s. The demo has removed its files, except for the full "
        f"output of the commands in {LOG.relative_to(PROJECT)}.\n\n"
        'Next: README.md, "Your own vCenter", five steps.\n'
        "  fleets.toml            the fleets of this demo, with comments\n"
        "  npx cdktf synth        writes Terraform's JSON offline, to cdktf.out/stacks/*/cdk.tf.json"
    )
    return 0


def _run_steps(console: Console) -> None:
    stock = os.environ.get("STOCK_VSPHERE_PROVIDER")
    if not stock:
        raise DemoError("STOCK_VSPHERE_PROVIDER: the variable is not set. Run `make demo`.")
    with Simulator("-source", ",".join(SOURCES), "-layout", f"{SOURCES[1]}=two-controllers") as simulator:
        workspace = Workspace(FOLDER, stock_binary=Path(stock), vcenter=simulator.environment(base={}))
        workspace.copy(FLEETS)
        console.print(Rule("[bold]Instant Clone Fleet", style="dim"))
        console.print(
            f"Simulated: vCenter at {simulator.address}.\n"
            f"Real: cdktf, {_terraform_version(workspace)}, the plugin with vSphere provider {workspace.version}."
        )
        story = Story(console, workspace, simulator, LOG)
        for number, (title, step) in enumerate(story.steps, start=1):
            console.print(Rule(f"[bold]{number}/{len(story.steps)}  {title}", align="left", style="dim"))
            step()


def _terraform_version(workspace: Workspace) -> str:
    process = subprocess.run(
        [terraform_binary(workspace.environment), "version"],
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
