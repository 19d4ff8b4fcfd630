"""Targets of the Makefile, each run on a copy of it in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def clean(folder: Path) -> subprocess.CompletedProcess[str]:
    """`make clean` in `folder`, never in the project's own."""
    shutil.copy(PROJECT / "Makefile", folder)
    return subprocess.run(
        ["make", "--no-print-directory", "clean"], cwd=folder, capture_output=True, text=True, check=False
    )


def state(folder: Path, stack: str, workspace: str, content: str = "{}") -> Path:
    """The state of a workspace where Terraform keeps it without `workspace_dir`."""
    file = folder / "cdktf.out" / "stacks" / stack / "terraform.tfstate.d" / workspace / "terraform.tfstate"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return file


def test_clean_refuses_to_delete_the_states_of_workspaces(tmp_path: Path) -> None:
    kept = [state(tmp_path, "web", "blue"), state(tmp_path, "lab", "green")]
    built = tmp_path / "build" / "made"
    built.mkdir(parents=True)

    refused = clean(tmp_path)

    assert refused.returncode != 0
    assert refused.stdout == ""
    lines = refused.stderr.splitlines()
    for line in (
        "  cdktf.out/stacks/web/terraform.tfstate.d/blue/terraform.tfstate",
        "  cdktf.out/stacks/lab/terraform.tfstate.d/green/terraform.tfstate",
        "  mkdir -p state/web.tfstate.d && mv cdktf.out/stacks/web/terraform.tfstate.d/blue state/web.tfstate.d/",
        "  mkdir -p state/lab.tfstate.d && mv cdktf.out/stacks/lab/terraform.tfstate.d/green state/lab.tfstate.d/",
    ):
        assert line in lines
    assert all(file.exists() for file in kept)
    assert built.exists()


def test_clean_removes_what_was_made_and_keeps_states(tmp_path: Path) -> None:
    state(tmp_path, "web", "blue", content="")
    moved = tmp_path / "state" / "web.tfstate.d" / "blue" / "terraform.tfstate"
    moved.parent.mkdir(parents=True)
    moved.write_text("{}")
    # Terraform's note of the backend is no state.
    note = tmp_path / "cdktf.out" / "stacks" / "web" / ".terraform" / "terraform.tfstate"
    note.parent.mkdir()
    note.write_text("{}")

    assert clean(tmp_path).returncode == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["Makefile", "state"]
    assert moved.read_text() == "{}"


def test_clean_needs_nothing_to_be_there(tmp_path: Path) -> None:
    assert clean(tmp_path).returncode == 0
