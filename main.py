# SPDX-License-Identifier: MPL-2.0
"""The cdktf app that synthesizes the stacks of fleets.toml. `cdktf synth`, `diff`, `deploy` and `destroy` run it."""

import gc
import os
import sys
from pathlib import Path

from instant_clone.text_encoding import use_any_locale

try:
    # This call must come before cdktf starts Node.
    use_any_locale()
    # A synth creates little garbage, and the garbage collector takes up to 10 % of the time.
    gc.disable()
    from cdktf import App
except ModuleNotFoundError:
    sys.exit('python: the project\'s packages are not installed. Run: make setup && export PATH="$PWD/.venv/bin:$PATH"')

from instant_clone.errors import InstantCloneError
from instant_clone.fleet import load_from
from instant_clone.plugin.install.lock_file import write_lock_file
from instant_clone.sources import look_up_sources
from stacks import add_stacks
from stacks.output import refuse_hcl, replaced_output


def main() -> None:
    """Synthesize one stack per fleet, and replace the old stacks only when all new stacks are complete."""
    refuse_hcl(os.environ)
    fleet_file = load_from(os.environ, folder=Path())
    sources = look_up_sources(fleet_file, environ=os.environ, folder=Path())
    provider = fleet_file.provider
    with replaced_output(os.environ, folder=Path()) as folder:
        app = App(outdir=str(folder), stack_traces=False)
        stacks = add_stacks(app, fleet_file, sources)
        app.synth()
        for stack in stacks:
            write_lock_file(folder / "stacks" / stack.node.id, source=provider.source, version=provider.version)


if __name__ == "__main__":
    try:
        main()
    except InstantCloneError as error:
        sys.exit(str(error))
