"""From fleets.toml to the stacks that cdktf deploys: run by `cdktf synth`, `diff`, `deploy` and `destroy`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cdktf import App

from instant_clone.errors import InstantCloneError
from instant_clone.fleet import load_from
from instant_clone.provider.lockfile import write_lock_file
from instant_clone.vcenter.sources import look_up_sources
from stacks import add_stacks


def main() -> None:
    """Synthesize one stack per fleet; nothing is written before all of them are complete."""
    fleet_file = load_from(os.environ, folder=Path())
    sources = look_up_sources(fleet_file, environ=os.environ, folder=Path())
    provider = fleet_file.provider

    app = App(stack_traces=False)
    stacks = add_stacks(app, fleet_file, sources)
    app.synth()
    for stack in stacks:
        folder = Path(app.outdir, "stacks", stack.node.id)
        write_lock_file(folder, source=provider.source, version=provider.version)


if __name__ == "__main__":
    try:
        main()
    except InstantCloneError as error:
        sys.exit(str(error))
