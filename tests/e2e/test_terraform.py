# SPDX-License-Identifier: MPL-2.0
"""Check the class Terraform, which runs the Terraform commands of the tests."""

from __future__ import annotations

from pathlib import Path

from testkit.processes import until
from tests.e2e.terraform import Terraform


def test_unread_output_does_not_block_a_command(tmp_path: Path) -> None:
    """An apply of twelve clones writes more than a pipe holds. Such an apply once blocked a simulated year."""
    binary = tmp_path / "terraform"
    binary.write_text("#!/bin/sh\nhead -c 300000 /dev/zero\nhead -c 300000 /dev/zero >&2\n")
    binary.chmod(0o755)

    terraform = Terraform(tmp_path / "folder", {"TERRAFORM_BINARY_NAME": str(binary)})
    with terraform, terraform.start("version") as running:
        until(lambda: running.process.poll() is not None, "the command to end")
        ended = running.finish()

    assert (len(ended.stdout), len(ended.stderr)) == (300_000, 300_000)
