# SPDX-License-Identifier: MPL-2.0
"""What the tests' own Terraform command has to stand."""

from __future__ import annotations

from pathlib import Path

from testkit.processes import until
from tests.e2e.terraform import Terraform


def test_a_command_is_not_held_up_by_output_that_nobody_reads_yet(tmp_path: Path) -> None:
    """A simulated year once stood still, as an apply of twelve clones says more than a pipe takes."""
    talkative = tmp_path / "terraform"
    talkative.write_text("#!/bin/sh\nhead -c 300000 /dev/zero\nhead -c 300000 /dev/zero >&2\n")
    talkative.chmod(0o755)

    terraform = Terraform(tmp_path / "folder", {"TERRAFORM_BINARY_NAME": str(talkative)})
    with terraform, terraform.start("version") as running:
        until(lambda: running.process.poll() is not None, "its end")
        ended = running.finish()

    assert (len(ended.stdout), len(ended.stderr)) == (300_000, 300_000)
