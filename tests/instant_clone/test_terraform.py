# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from instant_clone.terraform import TerraformError, run_terraform, terraform_binary


def program(folder: Path, text: str, name: str = "terraform") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(("variables", "name"), [({}, "terraform"), ({"TERRAFORM_BINARY_NAME": "tofu"}, "tofu")])
def test_returns_the_binary_that_cdktf_uses(tmp_path: Path, variables: dict[str, str], name: str) -> None:
    path = program(tmp_path, "", name)

    assert terraform_binary({"PATH": str(tmp_path), **variables}) == str(path)


def test_returns_output_and_exit_code(tmp_path: Path) -> None:
    path = program(tmp_path, 'echo "$PWD $TF_IN_AUTOMATION $1"; echo failed >&2; exit 3')

    done = run_terraform(str(path), "plan", folder=tmp_path, environ={"PATH": "/bin:/usr/bin"})

    assert done.returncode == 3
    assert done.stdout.decode() == f"{tmp_path} 1 plan\n"
    assert done.stderr == b"failed\n"


def test_command_that_does_not_finish_raises_an_error(tmp_path: Path) -> None:
    path = program(tmp_path, "exec sleep 600")

    with pytest.raises(TerraformError, match=r"terraform init did not finish within 0\.1 s"):
        run_terraform(str(path), "init", folder=tmp_path, environ={"PATH": "/bin:/usr/bin"}, seconds=0.1)


def test_program_that_cannot_be_started_raises_an_error(tmp_path: Path) -> None:
    path = tmp_path / "terraform"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)

    with pytest.raises(TerraformError, match="cannot be started"):
        run_terraform(str(path), "init", folder=tmp_path, environ={})
