# SPDX-License-Identifier: MPL-2.0
"""The vCenter simulator of tests/vcsim as a child process, and what it offers beside the vSphere API.

Only the standard library is needed, so that programs other than tests can start it too.
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
"""Where a call stops: before it is carried out, before its answer, before its task's work, before its task's end."""


class SimulatorError(Exception):
    """The simulator did not start, or refused what it was asked under /ic."""


@dataclass(frozen=True)
class Call:
    """A call that changed a VM, or meant to."""

    time: str
    """RFC 3339"""
    method: str
    """such as "ReconfigVM_Task" """
    moref: str
    """managed object id of the VM, such as "vm-62" """
    vm: str
    """the VM's name at that time"""
    clone: str = ""
    """the name of the clone that the call asked for"""


@dataclass(frozen=True)
class Held:
    """A call, or its task, that is held at this moment."""

    method: str
    at: HoldPoint
    clone: str
    """the name of the clone that the call asks for, or an empty string"""


@dataclass(frozen=True)
class VmState:
    """A VM, as the simulator knows it."""

    name: str
    moid: str
    frozen: bool
    power: str
    """runtime.powerState"""
    deltas: Mapping[int, int]
    """number of delta disks above the base disk, by the disk's device key"""


class Simulator:
    """Runs the simulator on a free port of 127.0.0.1, as a context manager or between start() and stop().

    Its program is .tools/bin/vcsim (built by `make`), or what the variable INSTANT_CLONE_VCSIM names. It ends by
    itself when this process does, however that happens: it reads a pipe from this process, and ends with the pipe.

    Arguments are the simulator's flags (tests/vcsim/README.md), such as "-vm", 4. A password becomes the only one
    that may log in; without one any does.
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
        """Start the program and wait until it serves; SimulatorError with its standard error if it does not."""
        if self._process is not None:
            raise SimulatorError("the simulator runs already")
        program = Path(os.environ.get(PROGRAM_VARIABLE) or PROGRAM)
        if not program.is_file():
            raise SimulatorError(f"there is no {program}: build it with `make`, or name one in {PROGRAM_VARIABLE}")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the program runs
        # A session of its own keeps the terminal's Ctrl-C away, so that clients can still log out.
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
        _end(process)
        told = self._told()
        self.stop()
        raise SimulatorError(f"the simulator {' '.join(self._flags)} did not start: {told or 'it said nothing'}")

    def _told(self) -> str:
        assert self._errors is not None
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def stop(self) -> None:
        """End the process and wait for it; killed if it does not end within a minute. Repeating it is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() not in (None, 0, -signal.SIGTERM):
            # A test that fails for this shows why.
            print(f"the simulator has ended by itself, code {process.returncode}:\n{self._told()[-20_000:]}")
        _end(process)
        for stream in (process.stdin, process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    @property
    def address(self) -> str:
        """Host and port, such as "127.0.0.1:40123"."""
        return self._address

    @property
    def pid(self) -> int:
        """Process id of the running simulator."""
        if self._process is None:
            raise SimulatorError("the simulator does not run")
        return self._process.pid

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """An environment for a client's process: base, by default this process's, with the VSPHERE_* of this vCenter.

        VSPHERE_* variables of base, such as VSPHERE_PERSIST_SESSION, are left out.
        """
        inherited = os.environ if base is None else base
        return {key: value for key, value in inherited.items() if not key.startswith("VSPHERE_")} | {
            "VSPHERE_SERVER": self.address,
            "VSPHERE_USER": self.user,
            "VSPHERE_PASSWORD": self.password,
            "VSPHERE_ALLOW_UNVERIFIED_SSL": "true",
        }

    def vm(self, name: str) -> VmState:
        """State of a VM, by its name or managed object id; KeyError if there is none."""
        return _vm_state(self._get("", vm=name))

    def freeze(self, name: str, *, frozen: bool = True) -> VmState:
        """Freeze a VM as its guest would for instant cloning, or thaw it."""
        return _vm_state(self._get("", vm=name, frozen="true" if frozen else "false"))

    def calls(self, vm: str | None = None) -> list[Call]:
        """The calls that changed a VM (by name or managed object id), or any VM, in order."""
        return [Call(**call) for call in self._get("/calls", vm=vm)]

    def requests(self, *, reset: bool = False) -> dict[str, int]:
        """Number of SOAP requests by method; reset starts the count anew after this answer."""
        answer: dict[str, int] = self._get("/requests", reset="true" if reset else None)
        return answer

    def sessions(self) -> int:
        """Number of sessions that are logged in to the SOAP API."""
        return int(self._get("/sessions")["sessions"])

    def fault(
        self, method: str, fault: str, *, times: int = 1, vm: str | None = None, at: Literal["task", "call"] = "task"
    ) -> None:
        """Let the next calls of a method fail.

        Args:
            method: such as "InstantClone_Task".
            fault: name of any fault of the API, such as "TaskInProgress".
            times: how many calls fail.
            vm: only calls on this VM, or ones that are to make it.
            at: whether the call's task fails, or the call itself. Methods without a task fail themselves.
        """
        self._get("/fault", method=method, fault=fault, times=times, vm=vm, at=at if at == "call" else None)

    def drop(self, method: str, *, when: Literal["before", "after"], times: int = 1, vm: str | None = None) -> None:
        """Let the connection break at the next calls of a method, before or after the call is carried out."""
        self._get("/drop", method=method, when=when, times=times, vm=vm)

    def quirk(self, name: str, value: str | None = None, *, path: str | None = None, vm: str | None = None) -> None:
        """Let the simulator behave as some vCenter may, until reset_quirks; tests/vcsim/README.md has the table.

        Args:
            name: such as "delta-fields".
            value: what it does; see the table.
            path: the property that "clone-differs" changes, such as "config.memoryAllocation.reservation".
            vm: only for clones of this source, by name or managed object id.
        """
        self._get("/quirk", name=name, value=value, path=path, vm=vm)

    def clone_differs(self, path: str, value: str, *, vm: str | None = None) -> None:
        """Let clones come back with another value of a property than their source's.

        Args:
            path: below the VM, as "config.cpuAllocation.limit"; "disk.0", "nic.0" and "cdrom.0" are the first of each.
            value: as text, such as "512", "true" or "high"; "unset" takes the value away.
            vm: only for clones of this source.
        """
        self.quirk("clone-differs", value, path=path, vm=vm)

    def reset_quirks(self, name: str | None = None) -> None:
        """End the quirks of a name, or all of them."""
        self._get("/quirk", name=name, reset="true")

    def localize(self, vm: str, locale: str) -> dict[int, str]:
        """Put a VM's device labels into another language ("en", "de", "fr"); the labels by device key."""
        return {int(key): label for key, label in self._get("/labels", vm=vm, locale=locale).items()}

    def slow(self, method: str, *, ms: int) -> None:
        """Let all answers to a method take so many milliseconds longer, until told otherwise."""
        self._get("/slow", method=method, ms=ms)

    def hold(self, method: str, *, at: HoldPoint = "call", after: int = 0, vm: str | None = None) -> None:
        """Hold calls of a method, or their tasks, until `release`; tests/vcsim/README.md has the points.

        Other calls go on. A held call whose client goes away is dropped. A held task goes on after its release in
        any case.

        Args:
            method: such as "InstantClone_Task".
            at: the point at which calls stop. The points "task" and "end" exist for InstantClone_Task, and for
                ReconfigureComputeResource_Task of a simulator with "-parallel-limit".
            after: how many calls pass before the first one is held.
            vm: only calls on this VM, or ones that are to make it. Other calls do not count.
        """
        self._get("/hold", method=method, at=at, after=after, vm=vm)

    def held(self, method: str | None = None) -> list[Held]:
        """Return the calls and tasks of a method, or all, that are held at this moment, in the order of arrival."""
        return [Held(**each) for each in self._get("/held", method=method)]

    def release(self, method: str | None = None, *, times: int | None = None) -> None:
        """Remove the holds on a method, or all holds, and let go what is held.

        With `times`, only the first so many held calls or tasks go on, and the holds stay.
        """
        self._get("/release", method=method, times=times)

    def report(self, vm: str) -> VmState:
        """Let the VMware Tools of a running VM report at once instead of after the delay that follows a power on."""
        return _vm_state(self._get("/report", vm=vm))

    def _get(self, path: str, /, **query: object) -> Any:
        given = urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
        try:
            # Loopback, to a child whose certificate is new at each start.
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


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _first_line(process: subprocess.Popen[bytes], timeout: float) -> str:
    """What the process writes first, or what there is of it when it ends or the time is over."""
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
