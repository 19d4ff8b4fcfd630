# SPDX-License-Identifier: MPL-2.0
"""Start the vCenter simulator of tests/vcsim as a child process, and call its control API under /ic.

This module imports only the standard library, so that programs other than tests can use it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

__all__ = ["Call", "Held", "HoldPoint", "Simulator", "SimulatorError", "VmState"]

PROGRAM = Path(__file__).resolve().parents[1] / ".tools" / "bin" / "vcsim"
PROGRAM_VARIABLE = "INSTANT_CLONE_VCSIM"
READY = re.compile(r"https://(127\.0\.0\.1:\d+)/sdk ready in ")


HoldPoint = Literal["call", "answer", "task", "end"]
"""Where the simulator holds a call: before it executes the call ("call"), before it sends the response ("answer"),
before the task starts to work ("task"), or before the task ends ("end")."""


class SimulatorError(Exception):
    """The simulator did not start, or it rejected a request to its control API under /ic."""


@dataclass(frozen=True)
class Call:
    """A call that changed a VM or attempted to change it."""

    time: str
    """RFC 3339"""
    method: str
    """such as "ReconfigVM_Task" """
    moref: str
    """MoRef of the VM, such as "vm-62" """
    vm: str
    """name of the VM at the time of the call"""
    clone: str = ""
    """name of the clone that the call creates"""


@dataclass(frozen=True)
class Held:
    """A call, or the task of a call, that the simulator currently holds."""

    method: str
    at: HoldPoint
    clone: str
    """name of the clone that the call creates, or an empty string"""


@dataclass(frozen=True)
class VmState:
    """The state of a VM in the simulator."""

    name: str
    moid: str
    frozen: bool
    power: str
    """runtime.powerState"""
    deltas: Mapping[int, int]
    """number of delta disks in the disk chain, by the device key of the disk"""


class Simulator:
    """A simulator process on a free port of 127.0.0.1. Use it as a context manager, or call start() and stop().

    The program is .tools/bin/vcsim, which `make` builds, or the path in the variable INSTANT_CLONE_VCSIM. The
    simulator reads a pipe from this process and exits when the pipe closes. The simulator therefore ends with this
    process, even if this process is killed.

    Args:
        flags: command-line flags of the simulator (tests/vcsim/README.md), such as "-vm", 4.
        user: user name for clients.
        password: the only accepted password. If this is None, the simulator accepts any password.
        start_timeout: seconds to wait for the simulator to accept connections.
    """

    def __init__(
        self,
        *flags: object,
        user: str = "fleet@vsphere.local",
        password: str | None = None,
        start_timeout: float = 120.0,
    ) -> None:
        self.user = user
        self.password = password or "simulated"
        self._flags = [str(flag) for flag in flags]
        if password is not None:
            self._flags += ["-password", password]
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._address = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the program and wait until it accepts connections.

        Raises:
            SimulatorError: the program is missing, already runs, or does not start. The message has its standard error.
        """
        if self._process is not None:
            raise SimulatorError("The simulator is already running.")
        program = Path(os.environ.get(PROGRAM_VARIABLE) or PROGRAM)
        if not program.is_file():
            raise SimulatorError(
                f"{program}: file not found. Run `make`, or set {PROGRAM_VARIABLE} to the path of a vcsim."
            )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open while the program runs
        # In a new session, the simulator does not receive the terminal's Ctrl-C, so that clients can still log out.
        process = subprocess.Popen(
            [str(program), "-l", "127.0.0.1:0", "-until-eof", *self._flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self._process = process
        line = _first_line(process, self._start_timeout)
        if match := READY.match(line):
            self._address = match[1]
            return self
        _terminate(process)
        output = self._standard_error()
        self.stop()
        raise SimulatorError(f"vcsim {' '.join(self._flags)} did not start: {output or 'no output'}")

    def _standard_error(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def stop(self) -> None:
        """Terminate the process, and kill it after one minute. A second call has no effect."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() not in (None, 0, -signal.SIGTERM):
            # pytest shows this output with the test that fails because of the exit.
            print(f"vcsim exited unexpectedly with {process.returncode}:\n{self._standard_error()[-20_000:]}")
        _terminate(process)
        for stream in (process.stdin, process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    @property
    def address(self) -> str:
        """Return host and port, such as "127.0.0.1:40123"."""
        return self._address

    @property
    def pid(self) -> int:
        """Return the process id of the running simulator.

        Raises:
            SimulatorError: the simulator does not run.
        """
        if self._process is None:
            raise SimulatorError("The simulator is not running.")
        return self._process.pid

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment for client processes: `base` with the VSPHERE_* variables of this simulator.

        The default of `base` is the environment of this process. Other VSPHERE_* variables of `base`, such as
        VSPHERE_PERSIST_SESSION, are removed.
        """
        inherited = os.environ if base is None else base
        return {key: value for key, value in inherited.items() if not key.startswith("VSPHERE_")} | {
            "VSPHERE_SERVER": self.address,
            "VSPHERE_USER": self.user,
            "VSPHERE_PASSWORD": self.password,
            "VSPHERE_ALLOW_UNVERIFIED_SSL": "true",
        }

    def vm(self, name: str) -> VmState:
        """Return the state of a VM, by its name or MoRef.

        Raises:
            KeyError: the simulator has no such VM.
        """
        return _vm_state(self._get("", vm=name))

    def freeze(self, name: str, *, frozen: bool = True) -> VmState:
        """Freeze a VM as `instantclone.freeze` in its guest does, or unfreeze it. Return the new state."""
        return _vm_state(self._get("", vm=name, frozen="true" if frozen else "false"))

    def calls(self, vm: str | None = None) -> list[Call]:
        """Return the calls that changed a VM, by its name or MoRef, or all VMs, in chronological order."""
        return [Call(**call) for call in self._get("/calls", vm=vm)]

    def requests(self, *, reset: bool = False) -> dict[str, int]:
        """Return the number of SOAP requests by method. `reset` sets the counters to 0 after this response."""
        answer: dict[str, int] = self._get("/requests", reset="true" if reset else None)
        return answer

    def sessions(self) -> int:
        """Return the number of sessions of the SOAP API that are logged in."""
        return int(self._get("/sessions")["sessions"])

    def fault(
        self, method: str, fault: str, *, times: int = 1, vm: str | None = None, at: Literal["task", "call"] = "task"
    ) -> None:
        """Make the next calls of a method fail.

        Args:
            method: such as "InstantClone_Task".
            fault: name of any fault of the API, such as "TaskInProgress".
            times: how many calls fail.
            vm: only calls on this VM, or calls that create it.
            at: whether the call or its task fails. For a method without a task, the call always fails.
        """
        self._get("/fault", method=method, fault=fault, times=times, vm=vm, at=at if at == "call" else None)

    def drop(self, method: str, *, when: Literal["before", "after"], times: int = 1, vm: str | None = None) -> None:
        """Break the connection at the next calls of a method, before or after the simulator executes the call."""
        self._get("/drop", method=method, when=when, times=times, vm=vm)

    def quirk(self, name: str, value: str | None = None, *, path: str | None = None, vm: str | None = None) -> None:
        """Enable a behaviour of some vCenter versions until reset_quirks(). tests/vcsim/README.md lists the behaviours.

        Args:
            name: such as "delta-fields".
            value: variant of the behaviour, as in the table of tests/vcsim/README.md.
            path: the property that "clone-differs" changes, such as "config.memoryAllocation.reservation".
            vm: only for clones of this source, by name or MoRef.
        """
        self._get("/quirk", name=name, value=value, path=path, vm=vm)

    def clone_differs(self, path: str, value: str, *, vm: str | None = None) -> None:
        """Give clones a value of a property that differs from the value of their source.

        Args:
            path: property path of the VM, such as "config.cpuAllocation.limit"; "disk.0", "nic.0" and "cdrom.0" are the
                first device of each kind.
            value: as text, such as "512", "true" or "high"; "unset" removes the value.
            vm: only for clones of this source.
        """
        self.quirk("clone-differs", value, path=path, vm=vm)

    def reset_quirks(self, name: str | None = None) -> None:
        """Disable the quirk `name`, or all quirks."""
        self._get("/quirk", name=name, reset="true")

    def localize(self, vm: str, locale: str) -> dict[int, str]:
        """Translate the device labels of a VM to "en", "de" or "fr". Return the labels by device key."""
        return {int(key): label for key, label in self._get("/labels", vm=vm, locale=locale).items()}

    def slow(self, method: str, *, ms: int) -> None:
        """Delay each response to a method by `ms` milliseconds, until the next call for the same method."""
        self._get("/slow", method=method, ms=ms)

    def hold(self, method: str, *, at: HoldPoint = "call", after: int = 0, vm: str | None = None) -> None:
        """Hold the calls of a method, or their tasks, until `release`; tests/vcsim/README.md describes the points.

        Other calls continue. The simulator drops a held call if the client disconnects. A held task continues after
        its release even if the client has disconnected.

        Args:
            method: such as "InstantClone_Task".
            at: the point at which calls stop. The points "task" and "end" exist for InstantClone_Task. With the flag
                "-parallel-limit" they also exist for ReconfigureComputeResource_Task.
            after: number of calls that continue before the first call is held.
            vm: only calls on this VM, or calls that create it. Other calls do not count.
        """
        self._get("/hold", method=method, at=at, after=after, vm=vm)

    def held(self, method: str | None = None) -> list[Held]:
        """Return the calls and tasks of a method, or of all methods, that are currently held, in order of arrival."""
        return [Held(**each) for each in self._get("/held", method=method)]

    def release(self, method: str | None = None, *, times: int | None = None) -> None:
        """Remove the holds on a method, or all holds, and let the held calls and tasks continue.

        With `times`, only the first `times` held calls or tasks continue, and the holds stay.
        """
        self._get("/release", method=method, times=times)

    def report(self, vm: str) -> VmState:
        """Let the VMware Tools of a running VM report now, without the delay after a power-on. Return the new state."""
        return _vm_state(self._get("/report", vm=vm))

    def _get(self, path: str, /, **query: object) -> Any:
        given = urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
        try:
            # The child process listens on loopback and generates a certificate at each start.
            context = ssl._create_unverified_context()
            with urllib.request.urlopen(f"https://{self.address}/ic{path}?{given}", context=context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read().decode(errors="replace").strip()
            if error.code == 404:
                raise KeyError(query.get("vm")) from None
            raise SimulatorError(f"/ic{path}?{given}: {reason}") from None


def _vm_state(answer: dict[str, Any]) -> VmState:
    return VmState(**answer | {"deltas": {int(key): depth for key, depth in answer["deltas"].items()}})


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _first_line(process: subprocess.Popen[bytes], timeout: float) -> str:
    """Return the first line that the process writes, or its incomplete output at its exit or at the timeout."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    end = time.monotonic() + timeout
    read = b""
    while b"\n" not in read:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        chunk = os.read(pipe, 4096) if ready else b""
        if not chunk:
            break
        read += chunk
    return read.decode(errors="replace")
