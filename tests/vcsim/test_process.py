# SPDX-License-Identifier: MPL-2.0
"""Tests of the start and the end of the simulator as a child process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from testkit import simulator as module
from testkit.simulator import PROGRAM_VARIABLE, Simulator, SimulatorError
from tests.vcsim.client import until

pytestmark = pytest.mark.simulator

PARENT = """
import sys
from testkit.simulator import Simulator

print(Simulator("-vm", 0).start().pid, flush=True)
sys.stdin.read()
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_leaving_the_context_stops_the_process_and_frees_the_port() -> None:
    with Simulator() as simulator:
        pid, (host, port) = simulator.pid, simulator.address.split(":")
        assert is_alive(pid)

    assert not is_alive(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_can_be_stopped_twice_and_started_again() -> None:
    simulator = Simulator().start()
    simulator.stop()
    simulator.stop()

    with simulator:
        assert simulator.vm("golden-web").power == "poweredOn"


def test_second_start_raises_an_error(simulator: Simulator) -> None:
    with pytest.raises(SimulatorError, match="is already running"):
        simulator.start()


def test_stop_succeeds_after_the_process_was_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the killed simulator does not remove its datastores
    simulator = Simulator().start()
    os.kill(simulator.pid, signal.SIGKILL)

    simulator.stop()


def test_simulator_stops_when_its_parent_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)

        parent.kill()

        until(lambda: not is_alive(pid))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("-layout", "golden-web=round"),
            "must be VM=LAYOUT, where LAYOUT is one of default, minimal, sata-nvme, two-controllers",
        ),
        (("-layout", "nobody=minimal"), '-layout: the inventory has no VM "nobody"'),
        (("-frozen", "nobody"), '-frozen: the inventory has no VM "nobody"'),
        (("-no-such-flag",), "flag provided but not defined"),
    ],
)
def test_invalid_flag_raises_an_error_with_the_reason(flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        Simulator(*flags).start()


def test_missing_program_raises_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PROGRAM_VARIABLE, str(tmp_path / "missing"))

    with pytest.raises(SimulatorError, match=r"file not found\. Run `make`"):
        Simulator().start()


def test_program_without_output_is_stopped_after_the_timeout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent, started = tmp_path / "silent", tmp_path / "started"
    silent.write_text(f"#!/bin/sh\necho waiting >&2\n: >'{started}'\nexec sleep 600\n")
    silent.chmod(0o755)
    monkeypatch.setenv(PROGRAM_VARIABLE, str(silent))

    def nothing_in_time(*_: object) -> tuple[list[int], list[int], list[int]]:
        until(started.exists)
        return [], [], []

    monkeypatch.setattr(module, "select", SimpleNamespace(select=nothing_in_time))
    with pytest.raises(SimulatorError, match="did not start: waiting"):
        Simulator().start()


def test_environment_replaces_the_variables_of_another_vcenter(simulator: Simulator) -> None:
    base = {"PATH": "/bin", "VSPHERE_SERVER": "other", "VSPHERE_PERSIST_SESSION": "true"}

    assert simulator.environment(base) == {
        "PATH": "/bin",
        "VSPHERE_SERVER": simulator.address,
        "VSPHERE_USER": "fleet@vsphere.local",
        "VSPHERE_PASSWORD": "simulated",
        "VSPHERE_ALLOW_UNVERIFIED_SSL": "true",
    }
