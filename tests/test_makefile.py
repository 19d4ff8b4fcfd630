# SPDX-License-Identifier: MPL-2.0
"""Tests of the Makefile. Each test runs a target in a temporary folder with a copy of the Makefile."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


def clean(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `make clean` in `folder`, not in the project's folder."""
    shutil.copy(PROJECT / "Makefile", folder)
    return subprocess.run(
        ["make", "--no-print-directory", "clean"], cwd=folder, capture_output=True, text=True, check=False
    )


def state(folder: Path, stack: str, workspace: str, content: str = "{}") -> Path:
    """Write a workspace's state to the file that Terraform uses without `workspace_dir`."""
    file = folder / "cdktf.out" / "stacks" / stack / "terraform.tfstate.d" / workspace / "terraform.tfstate"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    return file


def test_clean_does_not_delete_states_of_workspaces(tmp_path: Path) -> None:
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


def test_clean_removes_generated_files_and_keeps_states(tmp_path: Path) -> None:
    state(tmp_path, "web", "blue", content="")
    moved = tmp_path / "state" / "web.tfstate.d" / "blue" / "terraform.tfstate"
    moved.parent.mkdir(parents=True)
    moved.write_text("{}")
    # This file of Terraform describes the backend and is not a state.
    note = tmp_path / "cdktf.out" / "stacks" / "web" / ".terraform" / "terraform.tfstate"
    note.parent.mkdir()
    note.write_text("{}")

    assert clean(tmp_path).returncode == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == ["Makefile", "state"]
    assert moved.read_text() == "{}"


def test_clean_succeeds_in_an_empty_folder(tmp_path: Path) -> None:
    assert clean(tmp_path).returncode == 0


def lint_go(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Run `make lint-go` in `folder`, with this environment's Go and a module of one file."""
    module = folder / "tests" / "vcsim"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module example.com/vcsim\n\ngo 1.24\n")
    (module / "one.go").write_text(source)
    shutil.copy(PROJECT / "Makefile", folder)
    # These files mark all set-up steps as complete. They are written in order, so each is newer than its prerequisites.
    for name in ("Pipfile.lock", ".tools/pipenv/.complete", ".venv/.complete"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / ".venv" / "bin").mkdir()
    (folder / ".venv" / "bin" / "go").symlink_to(Path(sys.executable).with_name("go"))
    # The build cache is shared, because Go builds `go vet` on its first use.
    built = PROJECT / ".cache" / "go-build"
    built.mkdir(parents=True, exist_ok=True)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "go-build").symlink_to(built)
    return subprocess.run(
        ["make", "--no-print-directory", "lint-go"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("\tx := 1\n\treturn x\n", 0, ""),
        ("  x := 1\n\treturn x\n", 2, "tests/vcsim/one.go: not formatted. Run make format.\n"),
        ("\tx := 1\n\tx = x\n\treturn x\n", 2, "self-assignment of x"),
    ],
    ids=["clean", "not formatted", "vet"],
)
def test_lint_go_checks_format_and_runs_vet(body: str, code: int, message: str, tmp_path: Path) -> None:
    checked = lint_go(tmp_path, f"package main\n\nfunc one() int {{\n{body}}}\n\nfunc main() {{ one() }}\n")

    assert (checked.returncode, checked.stdout) == (code, ""), checked.stderr
    assert message in checked.stderr


def run_with_terraforms(folder: Path, *, failing: str, in_path: str) -> subprocess.CompletedProcess[str]:
    """Run `make test-terraforms` in `folder`, with complete set-up steps. The tests fail with Terraform `failing`.

    A script replaces Python. It prints the version of the Terraform that the tests would use.
    """
    shutil.copy(PROJECT / "Makefile", folder)
    scripts = {
        ".tools/bin/terraform": f"echo 'Terraform v{in_path}'",
        ".tools/bin/tofu": "echo; echo 'OpenTofu v1.12.6'; echo 'on linux_amd64'",
        ".tools/oldest/terraform": "echo 'Terraform v1.5.7'",
        ".venv/bin/python": 'test "$2" = pytest || exit 0\n'
        'case "$*" in *" tests/e2e/test_fleet.py "*) ;; *) exit 3;; esac\n'
        f'"$TERRAFORM_BINARY_NAME" version; ! "$TERRAFORM_BINARY_NAME" version | grep -q "{failing}"',
    }
    # The files are written in order, so each one is newer than its prerequisites.
    for name in (
        *("Pipfile.lock", ".tools/pipenv/.complete", ".venv/.complete"),
        *("package.json", "package-lock.json", ".npmrc", "node_modules/.complete"),
        *("tools/cdktn/package.json", "tools/cdktn/package-lock.json", ".tools/cdktn/.complete"),
        *("tests/vcsim/go.mod", "tests/vcsim/go.sum", ".tools/bin/vcsim"),
        *("tools/opentofu/go.mod", "tools/opentofu/go.sum"),
        *(".tools/stock/path", *scripts),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{scripts.get(name, '')}\n")
        (folder / name).chmod(0o755)
    return subprocess.run(
        ["make", "--no-print-directory", "test-terraforms"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_runs_the_tests_with_each_terraform(tmp_path: Path) -> None:
    done = run_with_terraforms(tmp_path, failing="none", in_path="1.11.4")

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("With ")] == [
        "With Terraform v1.11.4:",
        "With Terraform v1.5.7:",
        "With OpenTofu v1.12.6:",
    ]
    assert [line for line in done.stdout.splitlines() if line.startswith(("Terraform", "OpenTofu"))] == [
        "Terraform v1.11.4",
        "Terraform v1.5.7",
        "OpenTofu v1.12.6",
    ]


@pytest.mark.parametrize(
    ("failing", "named"),
    [("1.12.6", "OpenTofu v1.12.6"), ("1.5.7", "Terraform v1.5.7"), ("v1", "Terraform v1.5.7, OpenTofu v1.12.6")],
)
def test_names_the_releases_with_failed_tests(failing: str, named: str, tmp_path: Path) -> None:
    # The Terraform in PATH is the oldest release. The tests run only once with it.
    done = run_with_terraforms(tmp_path, failing=failing, in_path="1.5.7")

    assert done.returncode != 0
    assert done.stdout.count("With ") == 2
    assert f"Failed with {named}\n" in done.stderr
