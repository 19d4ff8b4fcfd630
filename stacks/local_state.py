"""Where a stack keeps its state unless the fleet file says otherwise."""

from __future__ import annotations

from os.path import relpath
from pathlib import Path

from cdktf import App, LocalBackend, TerraformStack

__all__ = ["keep_state_locally"]


def keep_state_locally(stack: TerraformStack) -> None:
    """Keep the state of `stack` in state/NAME.tfstate below the current folder, outside the synthesized files.

    Terraform takes the path from the folder of the synthesized stack, so it is the same on every machine.
    """
    name = stack.node.id
    # Terraform follows .. through the real folders, not through symbolic links.
    synthesized = Path(App.of(stack).outdir).resolve() / "stacks" / name
    LocalBackend(stack, path=Path(relpath(Path.cwd() / "state" / f"{name}.tfstate", synthesized)).as_posix())
