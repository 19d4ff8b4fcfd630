# SPDX-License-Identifier: MPL-2.0
"""The simulator as a child process: how it starts and how it ends."""

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


def test_leaving_the_context_ends_the_process_and_frees_the_port() -> None:
    with Simulator() as simulator:
        pid, (host, port) = simulator.pid, simulator.address.split(":")
        assert is_alive(pid)

    assert not is_alive(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_stopping_twice_is_harmless_and_it_starts_again() -> None:
    simulator = Simulator().start()
    simulator.stop()
    simulator.stop()

    with simulator:
        assert simulator.vm("golden-web").power == "poweredOn"


def test_starting_twice_is_an_error(simulator: Simulator) -> None:
    with pytest.raises(SimulatorError, match="runs already"):
        simulator.start()


def test_process_that_died_is_stopped_without_complaint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where it leaves its datastores
    simulator = Simulator().start()
    os.kill(simulator.pid, signal.SIGKILL)

    simulator.stop()


def test_simulator_ends_with_its_parent_even_if_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)

        parent.kill()

        until(lambda: not is_alive(pid))


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("-layout", "golden-web=round"), "one of the layouts default, minimal, sata-nvme, two-controllers"),
        (("-layout", "nobody=minimal"), "-layout: no VM nobody"),
        (("-frozen", "nobody"), "-frozen: no VM nobody"),
        (("-no-such-flag",), "flag provided but not defined"),
    ],
)
def test_flag_that_makes_no_sense_is_an_error_that_says_so(flags: tuple[str, ...], told: str) -> None:
    with pytest.raises(SimulatorError, match=told):
        Simulator(*flags).start()


def test_program_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PROGRAM_VARIABLE, str(tmp_path / "missing"))

    with pytest.raises(SimulatorError, match="build it with `make`"):
        Simulator().start()


def test_program_that_says_nothing_is_stopped_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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


def test_environment_leads_a_client_here_and_keeps_nothing_of_another_vcenter(simulator: Simulator) -> None:
    base = {"PATH": "/bin", "VSPHERE_SERVER": "other", "VSPHERE_PERSIST_SESSION": "true"}

    assert simulator.environment(base) == {
        "PATH": "/bin",
        "VSPHERE_SERVER": simulator.address,
        "VSPHERE_USER": "fleet@vsphere.local",
        "VSPHERE_PASSWORD": "simulated",
        "VSPHERE_ALLOW_UNVERIFIED_SSL": "true",
    }
