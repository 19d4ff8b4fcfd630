# SPDX-License-Identifier: MPL-2.0
"""Run the plugin as a process that Terraform does not start. One process serves many Terraform commands."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import pytest

from testkit.processes import Process, marked
from tests.e2e.terraform import MARK

__all__ = ["DEADLINE_SECONDS", "Serving", "serving"]

DEADLINE_SECONDS = 60


@dataclass(frozen=True)
class Serving:
    """A running plugin process that has printed its shell command."""

    process: subprocess.Popen[str]
    variable: str
    """The value of TF_REATTACH_PROVIDERS after a shell has executed the printed command."""
    stock: Process
    log: IO[str]
    """The standard error of both the plugin and the stock provider."""


@contextmanager
def serving(environment: Mapping[str, str], *arguments: str) -> Iterator[Serving]:
    """Run `python -m instant_clone.plugin --reattach` until the block ends, and yield the process."""
    mark = str(uuid.uuid4())
    # Use a file, because a pipe holds only 64 KiB and nothing reads the log before the process ends.
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [sys.executable, "-m", "instant_clone.plugin", "--reattach", *arguments],
            env={**environment, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            command = process.stdout.readline()
            if not command:
                process.wait(DEADLINE_SECONDS)
                log.seek(0)
                pytest.fail(log.read())
            variable = subprocess.run(
                ["/bin/sh", "-c", f"{command}\nprintenv TF_REATTACH_PROVIDERS"],
                capture_output=True,
                text=True,
                check=True,
                timeout=DEADLINE_SECONDS,
            ).stdout.strip()
            stock = [each for each in marked(MARK, mark) if each.program.startswith("terraform-provider-vsphere_v")]
            assert len(stock) == 1
            yield Serving(process, variable, stock[0], log)
        finally:
            process.kill()
