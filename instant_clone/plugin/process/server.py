# SPDX-License-Identifier: MPL-2.0
"""The plugin's process: the go-plugin handshake, the gRPC server, and a clean shutdown."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from instant_clone.errors import InstantCloneError
from instant_clone.plugin.install.installation import Home
from instant_clone.plugin.wire import log
from instant_clone.plugin.wire.upstream_process import MAGIC_COOKIE, NOT_STARTED_BY_TERRAFORM, StockProcess

__all__ = ["GRPC_OPTIONS", "WORKERS", "main", "serve_and_exit", "skip_unused_pyvmomi_types"]

WORKERS = 64
_PARENT_POLL_SECONDS = 0.5
_GRACE_SECONDS = 5
_OTHER_SERVICES = ("eam", "pbm", "sms", "vsanhealth", "vslm")
# The go-plugin client uses the authority "localhost" for every socket.
GRPC_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.default_authority", "localhost"),
]


def main() -> None:
    """Serve until Terraform shuts the plugin down, Terraform ends, or the stock provider ends."""
    if os.environ.get(MAGIC_COOKIE[0]) != MAGIC_COOKIE[1]:
        sys.exit(f"{NOT_STARTED_BY_TERRAFORM} Run 'instant-clone provider info' to check the installation.")
    # Ctrl-C signals the whole process group. Terraform itself asks its plugins to stop, and waits for them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    skip_unused_pyvmomi_types()
    serve_and_exit(lambda folder: _serve(Home(Path(sys.argv[1])), folder))


def serve_and_exit(serve: Callable[[Path], None]) -> NoReturn:
    """Call `serve` with a new folder for sockets, remove the folder, and end the process.

    An InstantCloneError is written to standard error, and the exit code is 1.
    """
    folder = Path(tempfile.mkdtemp(prefix="instant-clone-"))  # mode 0700: other users cannot connect
    code = 0
    try:
        serve(folder)
    except InstantCloneError as failure:
        sys.stderr.write(f"instant-clone: {failure}\n")
        code = 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    # Do not wait for threads: a clone task can run for minutes, and Terraform no longer waits for its result.
    os._exit(code)


def skip_unused_pyvmomi_types() -> None:
    """Keep pyVmomi from defining the types of services other than vCenter, which cost 0.1 seconds and 2 MB.

    pyVmomi ignores each of these modules if it cannot be imported (pyVmomi/_typeinfos.py).
    """
    for service in _OTHER_SERVICES:
        sys.modules[f"pyVmomi._typeinfo_{service}"] = None  # type: ignore[assignment]


def _serve(home: Home, folder: Path) -> None:
    parent = os.getppid()
    started = time.perf_counter()
    # Start the stock provider first: StockProcess needs a process with one thread, and the stock provider gets ready
    # during the import of gRPC.
    with StockProcess(home.stock_binary, folder=folder, environment=os.environ) as stock:
        _serve_with(home, folder, stock, parent, started)


def _serve_with(home: Home, folder: Path, stock: StockProcess, parent: int, started: float) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    from instant_clone.plugin.process.proxy import Relay

    channel = grpc.insecure_channel(stock.address(), options=GRPC_OPTIONS)
    done = threading.Event()
    relay = Relay(channel, version=home.version, environ=os.environ, done=done)
    server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=[relay], options=GRPC_OPTIONS)
    socket = folder / "plugin.sock"
    certificate = home.certificate()
    # Client certificates are not checked: gRPC's TLS library refuses the curve P-521 of Terraform's certificate. The
    # mode of the folder keeps other users out.
    server.add_secure_port(
        f"unix:{socket}", grpc.ssl_server_credentials([(certificate.key_pem, certificate.certificate_pem)])
    )
    server.start()
    encoded = base64.b64encode(certificate.der()).decode().rstrip("=")
    print(f"1|5|unix|{socket}|grpc|{encoded}", flush=True)
    log.debug(f"serving after {1000 * (time.perf_counter() - started):.0f} ms")

    def stock_ended(code: int) -> None:
        if not done.is_set():
            log.error(f"the stock provider ended with exit code {code}")
            relay.stop_creating()
            done.set()

    stock.on_exit(stock_ended)
    while not done.wait(_PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            log.error("Terraform has ended")
            relay.stop_creating()
            break
    # Let running calls send their responses to Terraform, such as the error about a clone that is not in the state.
    server.stop(grace=_GRACE_SECONDS).wait()
    relay.close()
    channel.close()
