# SPDX-License-Identifier: MPL-2.0
"""The Terraform backend of a stack."""

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
from instant_clone.fleet.state import LOCAL_PATHS, with_strings

__all__ = ["keep_state"]


def keep_state(stack: TerraformStack, backend: str, arguments: Mapping[str, Any]) -> None:
    """Add a block for the Terraform backend named `backend` to `stack`, with the `arguments` of that backend.

    In `arguments`, paths of the backend "local" are relative to the current folder. Terraform resolves them relative to
    the folder of the synthesized stack, so this function converts them. The result is the same on every machine.
    """
    # Terraform resolves .. in the real path, not through symbolic links.
    synthesized = Path(App.of(stack).outdir).resolve() / "stacks" / stack.node.id
    block: TerraformBackend
    if backend == "cloud":
        # Terraform has a separate block for HCP Terraform. CloudBackend requires placeholders, which the overrides
        # replace. The organization can come from TF_CLOUD_ORGANIZATION.
        block = CloudBackend(stack, organization="", workspaces=NamedCloudWorkspace(name=""))
        block.add_override("organization", None)
    else:
        block = _Backend(stack, backend)
    for name, value in arguments.items():
        is_local_path = backend == "local" and name in LOCAL_PATHS
        written = Path(relpath(Path.cwd() / value, synthesized)).as_posix() if is_local_path else value
        block.add_override(name, with_strings(written, literal))


class _Backend(TerraformBackend):
    """A backend of any type. cdktf has classes for some backends only, and they lack some arguments."""

    def __init__(self, stack: TerraformStack, name: str) -> None:
        super().__init__(stack, "backend", name)

    def get_remote_state_data_source(self, scope: Construct, name: str, from_stack: str) -> TerraformRemoteState:
        """Raise NotImplementedError, because no stack of a fleet file refers to the state of another stack."""
        raise NotImplementedError(f"{scope.node.path}: a reference to {name} of stack {from_stack} is not supported")
