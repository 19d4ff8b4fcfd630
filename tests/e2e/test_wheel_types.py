# SPDX-License-Identifier: MPL-2.0
"""Check with mypy that apps can use the types of the installed wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.wheels import FreshEnvironment, build_wheel
from testkit.workspace import PROJECT

CONSUMER = PROJECT / "testkit" / "constructs_consumer.py"
APP = PROJECT / "examples" / "own_app"
_DEADLINE_SECONDS = 600


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    folder = tmp_path_factory.mktemp("typed")
    environment = FreshEnvironment.create(folder / "venv")
    environment.install(build_wheel(PROJECT, folder / "wheel"), extras="plugin,synth")
    return environment


def test_consumer_uses_every_documented_name() -> None:
    rows = (PROJECT / "docs" / "constructs.md").read_text().split("| construct or function |", 1)[1].split("\n\n", 1)[0]
    documented = {
        name
        for row in rows.splitlines()[2:]
        for code in re.findall(r"`([^`]+)`", row.split("|")[1])
        for name in re.findall(r"[A-Za-z_]+(?=\()|^[A-Za-z_]+$", code)
    }
    assert {"InstantCloneFleet", "SourceData", "replicate", "connect", "literal"} <= documented

    used = set(re.findall(r"[A-Za-z_]+(?=\()", CONSUMER.read_text()))

    assert documented - used == set()


@pytest.mark.parametrize("files", [[CONSUMER], [APP / "main.py", APP / "record.py"]], ids=["consumer", "own_app"])
def test_mypy_accepts_apps_that_use_the_wheel(files: list[Path], installed: FreshEnvironment, tmp_path: Path) -> None:
    """Check copies of the files, because mypy would find the modules of the checkout next to the originals."""
    copies = [shutil.copy(file, tmp_path) for file in files]

    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable", installed.python),
            *("--cache-dir", tmp_path.parent / "mypy", *copies),
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "MYPYPATH"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE_SECONDS,
    )

    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_synthesizes_the_consumer(installed: FreshEnvironment, tmp_path: Path) -> None:
    subprocess.run(
        [installed.python, shutil.copy(CONSUMER, tmp_path), APP / "golden-ci.json"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=True,
        timeout=120,
    )

    stack = tmp_path / "cdktf.out" / "stacks" / "consumer"
    machines = json.loads((stack / "cdk.tf.json").read_text())["resource"]["vsphere_virtual_machine"]
    assert machines.keys() == {"references_references", "values_values"}
    assert "instantclone.internal/fleet/vsphere" in (stack / ".terraform.lock.hcl").read_text()
