# SPDX-License-Identifier: MPL-2.0
"""Where a stack keeps its state."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import relpath
from pathlib import Path
from typing import Any

from cdktf import (
    App,
    CloudBackend,
    NamedCloudWorkspace,
    TerraformBackend,
    TerraformRemoteState,
    TerraformStack,
)

from constructs import Construct
from constructs.literals import literal

__all__ = ["keep_state"]

_PATHS = ("path", "workspace_dir")


def keep_state(stack: TerraformStack, backend: str, arguments: Mapping[str, Any]) -> None:
    """Keep the state of `stack` in the Terraform backend of that name, with its arguments as Terraform has them.

    Paths of the backend "local" are relative to the current folder. Terraform takes them from the folder of the
    synthesized stack, and so they are written: the same on every machine.
    """
    # Terraform follows .. through the real folders, not through symbolic links.
    synthesized = Path(App.of(stack).outdir).resolve() / "stacks" / stack.node.id
    block: TerraformBackend
    if backend == "cloud":
        # A block of its own in Terraform. What the class asks for is overridden; the organization may come from the
        # environment.
        block = CloudBackend(stack, organization="", workspaces=NamedCloudWorkspace(name=""))
        block.add_override("organization", None)
    else:
        block = _Backend(stack, backend)
    for name, value in arguments.items():
        own = backend == "local" and name in _PATHS
        block.add_override(name, _literal(Path(relpath(Path.cwd() / value, synthesized)).as_posix() if own else value))


class _Backend(TerraformBackend):
    """Any backend; cdktf has classes for some only, and not for all of their arguments."""

    def __init__(self, stack: TerraformStack, name: str) -> None:
        super().__init__(stack, "backend", name)

    def get_remote_state_data_source(self, scope: Construct, name: str, from_stack: str) -> TerraformRemoteState:
        """No stack here refers to another one's state."""
        raise NotImplementedError(f"{scope.node.path} cannot refer to {name} of {from_stack}")


def _literal(value: Any) -> Any:
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, Mapping):
        return {name: _literal(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_literal(inner) for inner in value]
    return value
