# SPDX-License-Identifier: MPL-2.0
"""The debug mode of the plugin: one process serves several Terraform commands until it is interrupted.

`python -m instant_clone.plugin --reattach [HOME]` prints the environment variable by which Terraform finds the process.
HOME is the folder `instant-clone` of an installation. The default is the newest installation. Terraform neither starts
nor ends this process, so breakpoints in it have no deadline.

All Terraform commands share the process and its stock provider. Use one provider configuration at a time: with
aliases, the last configuration applies to all.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from instant_clone.errors import Finding, InstallError
from instant_clone.fleet import ProviderSettings, provider_from
from instant_clone.plugin.install.cli_configuration import implied_plugin_folder
from instant_clone.plugin.install.installation import Home, installations
from instant_clone.plugin.process.proxy import Relay
from instant_clone.plugin.process.server import GRPC_OPTIONS, WORKERS, serve_and_exit, skip_unused_pyvmomi_types
from instant_clone.plugin.wire.upstream_process import SERVICE, StockProcess

__all__ = ["main", "reattach_variable"]

_CONFIGURE = SERVICE + "Configure"


def main() -> None:
    """Serve until SIGINT or SIGTERM (exit code 0), or until the stock provider ends (exit code 1)."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    skip_unused_pyvmomi_types()
    serve_and_exit(lambda folder: _serve(_home(sys.argv[2:]), folder, ended))


def reattach_variable(home: Path, socket: Path) -> str:
    """Return the shell command that makes Terraform use the plugin at `socket`.

    The path of `home` contains the provider's address: PLUGINS/HOST/NAMESPACE/TYPE/RELEASE/instant-clone.
    """
    address = "/".join(home.absolute().parts[-5:-2])
    # Source: ReattachConfig in Terraform's internal/getproviders and in go-plugin.
    configuration = {
        "Protocol": "grpc",
        "ProtocolVersion": 5,
        "Pid": os.getpid(),
        "Test": True,  # Terraform must not end this process
        "Addr": {"Network": "unix", "String": str(socket)},
    }
    return f"export TF_REATTACH_PROVIDERS={shlex.quote(json.dumps({address: configuration}))}"


def _home(arguments: Sequence[str]) -> Home:
    if arguments:
        return Home(Path(arguments[0]))
    source = (provider_from(os.environ, folder=Path()) or ProviderSettings()).source
    folder = implied_plugin_folder(os.environ)
    found = list(installations(folder, source=source))
    if not found:
        what = f"{source} is not installed in {folder}."
        cure = "Run 'instant-clone provider install', or pass the folder instant-clone of an installation as HOME."
        raise InstallError(Finding("", what, cure))
    return found[-1].home


def _serve(home: Home, folder: Path, ended: threading.Event) -> None:
    codes: list[int] = []

    def stock_ended(code: int) -> None:
        codes.append(code)
        ended.set()

    socket = folder / "plugin.sock"
    # Start the stock provider before other threads start: StockProcess needs a process with one thread.
    with (
        StockProcess(home.stock_binary, folder=folder, environment=os.environ) as stock,
        grpc.insecure_channel(stock.address(), options=GRPC_OPTIONS) as channel,
    ):
        # `done` stays unset: Terraform does not shut down a plugin that it has not started.
        relays = _RenewedRelay(lambda: Relay(channel, version=home.version, environ=os.environ, done=threading.Event()))
        server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=[relays], options=GRPC_OPTIONS)
        # Plain text, because Terraform exchanges certificates only with plugins that it starts.
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        stock.on_exit(stock_ended)
        print(reattach_variable(home.folder, socket), flush=True)
        ended.wait()
        server.stop(grace=None).wait()
        relays.close()
        # Check before the end of the block, which stops the stock provider.
        if codes:
            raise InstallError(f"The stock vSphere provider ended with exit code {codes[0]}. Start the plugin again.")


class _RenewedRelay(grpc.GenericRpcHandler):
    """A handler that creates a new relay at each Configure call.

    Outside the debug mode, Terraform starts a plugin process for each configuration. In the debug mode, a new relay
    ensures that no data of the previous configuration remains.
    """

    def __init__(self, make: Callable[[], Relay]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._relay = make()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler for a method."""
        with self._lock:
            if handler_call_details.method == _CONFIGURE:
                self._relay.close()
                self._relay = self._make()
            return self._relay.service(handler_call_details)

    def close(self) -> None:
        """Log out of vCenter."""
        with self._lock:
            self._relay.close()
