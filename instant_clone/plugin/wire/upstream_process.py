# SPDX-License-Identifier: MPL-2.0
"""The stock vSphere provider as a child process that serves Terraform's plugin protocol."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

from instant_clone.errors import InstallError

__all__ = ["MAGIC_COOKIE", "NOT_STARTED_BY_TERRAFORM", "SERVICE", "StockProcess"]

MAGIC_COOKIE: Final = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
NOT_STARTED_BY_TERRAFORM: Final = "Terraform starts this plugin."
"""the first sentence of the plugin's message if MAGIC_COOKIE is not set"""
SERVICE: Final = "/tfplugin5.Provider/"
NO_DEATH_SIGNAL: Final = "INSTANT_CLONE_NO_DEATH_SIGNAL"
"""Environment variable for tests: use the watchdog, as on systems without a parent-death signal."""

_PROTOCOL = "5"
_HANDSHAKE_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class StockProcess:
    """The stock provider's process. It ends with this process, even if this process is killed.

    Create the object in the main thread before other threads start. The child then gets Linux's parent-death signal,
    which is tied to the thread that started the child. In a process with several threads, and on other systems, a
    watchdog process kills the child. It does so when the pipe from this process to the watchdog closes.
    """

    def __init__(self, binary: Path, *, folder: Path, environment: Mapping[str, str], quiet: bool = False) -> None:
        """Start `binary`.

        Args:
            binary: the stock provider.
            folder: the folder for the socket and temporary files of the stock provider.
            environment: the environment variables of the stock provider.
            quiet: discard the log of the stock provider. By default, it goes to standard error.

        Raises:
            InstallError: the binary cannot be started.
        """
        inherited = {key: value for key, value in environment.items() if not key.startswith("PLUGIN_")}
        # Without PLUGIN_CLIENT_CERT, the child serves in plain text on a socket in the private `folder`.
        inherited |= {
            MAGIC_COOKIE[0]: MAGIC_COOKIE[1],
            "PLUGIN_PROTOCOL_VERSIONS": _PROTOCOL,
            "PLUGIN_UNIX_SOCKET_DIR": str(folder),
            "TMPDIR": str(folder),
        }
        # The child requests the signal in Python code between fork and exec. Such code is unsafe if this process has
        # other threads: gRPC's threads make the child abort.
        signalled = sys.platform == "linux" and NO_DEATH_SIGNAL not in environment and threading.active_count() == 1
        try:
            self._process = subprocess.Popen(
                [binary],
                env=inherited,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if quiet else None,
                preexec_fn=_die_with_parent() if signalled else None,  # noqa: PLW1509 - there is only one thread
            )
        except OSError as failure:
            raise InstallError(f"The stock vSphere provider {binary} cannot be started: {failure.strerror}.") from None
        self._watchdog = None if signalled else _watch(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def address(self) -> str:
        """Wait for the stock provider's handshake, and return the address of its server for gRPC.

        Raises:
            InstallError: the stock provider ends, does not answer in 60 seconds, or uses another protocol.
        """
        line = self._first_line()
        parts = line.split("|")
        if len(parts) < 5 or parts[1] != _PROTOCOL or parts[4] != "grpc":
            raise InstallError(
                f"The stock vSphere provider is not a Terraform plugin of protocol {_PROTOCOL}: its first line of "
                f"output is {line[:200]!r}. Install another binary with 'instant-clone provider install'."
            )
        return f"unix:{parts[3]}" if parts[2] == "unix" else parts[3]

    def _first_line(self) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(_HANDSHAKE_SECONDS):
                raise InstallError(
                    f"The stock vSphere provider did not answer in {_HANDSHAKE_SECONDS} seconds. Try again, or install "
                    "another binary with 'instant-clone provider install'."
                )
        return self._process.stdout.readline().decode(errors="replace").strip()

    def on_exit(self, then: Callable[[int], None]) -> None:
        """Call `then` with the exit code in a separate thread when the process has ended."""
        threading.Thread(target=lambda: then(self._process.wait()), name="stock provider", daemon=True).start()

    def stop(self) -> None:
        """End the process if it still runs, and wait for its end."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        if self._watchdog is not None:
            assert self._watchdog.stdin is not None
            self._watchdog.kill()
            self._watchdog.wait()
            self._watchdog.stdin.close()


def _die_with_parent() -> Callable[[], None]:
    library, parent = ctypes.CDLL(None), os.getpid()

    def in_child() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the child requested the signal
            os._exit(1)

    return in_child


def _watch(pid: int) -> subprocess.Popen[bytes]:
    """Start and return a process that kills `pid` when this process ends.

    Its standard input is a pipe from this process. The pipe closes when this process ends.
    """
    script = f"trap '' INT TERM HUP; cat >/dev/null; kill -9 {pid} 2>/dev/null"
    return subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
