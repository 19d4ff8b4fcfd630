# SPDX-License-Identifier: MPL-2.0
"""The plugin's process: go-plugin's handshake, a gRPC server, and an end that leaves nothing behind."""

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
from instant_clone.plugin.wire.upstream_process import MAGIC_COOKIE, StockProcess

__all__ = ["GRPC_OPTIONS", "WORKERS", "define_only_vcenters_types", "main", "serve_and_exit"]

WORKERS = 64
_PARENT_POLL_SECONDS = 0.5
_GRACE_SECONDS = 5
_OTHER_SERVICES = ("eam", "pbm", "sms", "vsanhealth", "vslm")
# The go-plugin client dials "localhost" whatever the socket is called.
GRPC_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.default_authority", "localhost"),
]


def main() -> None:
    """Serves Terraform until it says that it is done, or is gone, or the stock provider ends."""
    if os.environ.get(MAGIC_COOKIE[0]) != MAGIC_COOKIE[1]:
        sys.exit("This is a plugin, which Terraform starts by itself. 'instant-clone provider info' tells about it.")
    # A Ctrl-C reaches the whole process group. Terraform tells its plugins to stop, and lets them finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    define_only_vcenters_types()
    serve_and_exit(lambda folder: _serve(Home(Path(sys.argv[1])), folder))


def serve_and_exit(serve: Callable[[Path], None]) -> NoReturn:
    """Call `serve` with a new folder for sockets, and end the process: with exit code 1 after an InstantCloneError.

    That is written to standard error. The folder is removed before the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="instant-clone-"))  # mode 0700: who may not enter may not connect
    code = 0
    try:
        serve(folder)
    except InstantCloneError as failure:
        sys.stderr.write(f"instant-clone: {failure}\n")
        code = 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    # A clone that is under way keeps a thread busy, for minutes maybe. Whoever asked for it is gone.
    os._exit(code)


def define_only_vcenters_types() -> None:
    """Keeps pyVmomi from defining the types of services beside vCenter's own: they cost a tenth of a second, and 2 MB.

    pyVmomi goes on without each of these modules that cannot be imported (its _typeinfos.py).
    """
    for service in _OTHER_SERVICES:
        sys.modules[f"pyVmomi._typeinfo_{service}"] = None  # type: ignore[assignment]


def _serve(home: Home, folder: Path) -> None:
    parent = os.getppid()
    started = time.perf_counter()
    # First of all: it must be started from a process with one thread, and gets ready while gRPC is imported.
    stock = StockProcess(home.stock_binary, folder=folder, environment=os.environ)
    try:
        _serve_with(home, folder, stock, parent, started)
    finally:
        stock.stop()


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
    # Terraform offers a client certificate, but on a curve (P-521) that gRPC's TLS library refuses: the folder's
    # mode is what keeps others out.
    server.add_secure_port(
        f"unix:{socket}", grpc.ssl_server_credentials([(certificate.key_pem, certificate.certificate_pem)])
    )
    server.start()
    encoded = base64.b64encode(certificate.der()).decode().rstrip("=")
    print(f"1|5|unix|{socket}|grpc|{encoded}", flush=True)
    log.debug(f"serving after {1000 * (time.perf_counter() - started):.0f} ms")

    def stock_ended(code: int) -> None:
        if not done.is_set():
            log.error(f"the stock provider has ended with exit code {code}")
            relay.start_no_more()
            done.set()

    stock.on_exit(stock_ended)
    while not done.wait(_PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            log.error("Terraform is gone")
            relay.start_no_more()
            break
    # What is left of answers still reaches Terraform, such as that a clone was left to the next apply.
    server.stop(grace=_GRACE_SECONDS).wait()
    relay.close()
    channel.close()
