# SPDX-License-Identifier: MPL-2.0
"""Terraform workspaces of the local backend. Their states are below state/, which `make clean` does not delete."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testkit.stock import StockProvider
from testkit.workspace import PROJECT, Finished, Workspace
from tests.conftest import StartSimulator

pytestmark = pytest.mark.e2e

FLEETS = """
[fleets.web]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names         = "{prefix}-web-{{index}}"

[[fleets.web.sources]]
vm    = "golden"
count = 1

[fleets.lab]
datacenter    = "DC0"
datastore     = "LocalDS_0"
resource_pool = "DC0_C0/Resources"
names         = "{prefix}-lab-{{index}}"

[[fleets.lab.sources]]
vm    = "golden"
count = 1
"""
TERRAFORM = os.environ.get("TERRAFORM_BINARY_NAME") or "terraform"
BACKEND_FILES = {f"cdktf.out/stacks/{fleet}/.terraform/terraform.tfstate" for fleet in ("web", "lab")}
"""The files in which Terraform records the backends of the stacks."""


@pytest.fixture
def workspace(start_simulator: StartSimulator, stock: StockProvider, tmp_path: Path) -> Workspace:
    """Return a workspace with recorded sources and without synthesized stacks."""
    simulator = start_simulator("-source", "golden", "-tools", "0s", "-vm", 0)
    made = Workspace(tmp_path / "workspace", stock_binary=stock.path, vcenter=simulator.environment(base={}))
    (made.folder / "fleets.toml").write_text(FLEETS.format(prefix="default"))
    done(made.run("instant-clone", "record"))
    made.environment["INSTANT_CLONE_LOOKUP"] = "record"
    return made


def done(finished: Finished) -> Finished:
    assert finished.code == 0, finished.output
    return finished


def select(workspace: Workspace, name: str) -> None:
    """Set TF_WORKSPACE, and give the clones names that no other workspace uses."""
    workspace.environment["TF_WORKSPACE"] = name
    (workspace.folder / "fleets.toml").write_text(FLEETS.format(prefix=name))


def states(workspace: Workspace) -> set[str]:
    return {path.relative_to(workspace.folder).as_posix() for path in workspace.folder.rglob("*.tfstate")}


def terraform(workspace: Workspace, fleet: str, *command: str) -> Finished:
    folder = workspace.folder / "cdktf.out" / "stacks" / fleet
    return workspace.run(TERRAFORM, *command, "-no-color", "-input=false", folder=folder)


def clean(workspace: Workspace) -> Finished:
    """Run `make clean` with the project's Makefile in the folder of `workspace`, not in the project's folder."""
    return workspace.run("make", "--no-print-directory", "--file", str(PROJECT / "Makefile"), "clean")


def test_keeps_workspace_states_next_to_the_state_of_the_fleet(workspace: Workspace) -> None:
    select(workspace, "blue")
    done(workspace.run("cdktf", "deploy", "web", "lab", "--auto-approve"))
    blue = {f"state/{fleet}.tfstate.d/blue/terraform.tfstate" for fleet in ("web", "lab")}
    assert states(workspace) == blue | BACKEND_FILES

    done(clean(workspace))

    assert states(workspace) == blue
    assert "No changes." in done(workspace.run("cdktf", "diff", "web")).output
    select(workspace, "green")
    for fleet in ("web", "lab"):
        (workspace.folder / "state" / f"{fleet}.tfstate.d" / "green").mkdir()
    done(workspace.run("cdktf", "deploy", "web", "lab", "--auto-approve"))
    green = {name.replace("blue", "green") for name in blue}
    assert states(workspace) == blue | green | BACKEND_FILES
    done(workspace.run("cdktf", "destroy", "web", "lab", "--auto-approve"))
    select(workspace, "blue")
    done(workspace.run("cdktf", "destroy", "web", "lab", "--auto-approve"))


def test_commands_from_make_clean_move_states_out_of_cdktf_out(workspace: Workspace) -> None:
    done(workspace.run("python", "main.py"))
    done(terraform(workspace, "web", "init"))
    done(terraform(workspace, "web", "apply", "-auto-approve"))
    workspace.environment["TF_WORKSPACE"] = "blue"
    old = "cdktf.out/stacks/web/terraform.tfstate.d/blue/terraform.tfstate"
    done(terraform(workspace, "web", "apply", "-auto-approve", "-target=terraform_data.owner"))
    backend_file = "cdktf.out/stacks/web/.terraform/terraform.tfstate"
    assert states(workspace) == {"state/web.tfstate", old, backend_file}
    before = (workspace.folder / old).read_bytes()

    refused = clean(workspace)

    assert refused.code != 0
    assert f"  {old}\n" in refused.output
    assert states(workspace) == {"state/web.tfstate", old, backend_file}
    for line in refused.output.splitlines():
        if " && mv " in line:
            done(workspace.run("sh", "-c", line))
    new = "state/web.tfstate.d/blue/terraform.tfstate"
    assert states(workspace) == {"state/web.tfstate", new, backend_file}
    done(workspace.run("python", "main.py"))
    changed = terraform(workspace, "web", "init")
    assert (changed.code, "Backend configuration changed" in changed.output) == (1, True)
    done(terraform(workspace, "web", "init", "-reconfigure"))
    assert terraform(workspace, "web", "plan", "-detailed-exitcode", "-target=terraform_data.owner").code == 0
    assert (workspace.folder / new).read_bytes() == before
    done(clean(workspace))
    assert states(workspace) == {"state/web.tfstate", new}
