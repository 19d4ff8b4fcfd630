# SPDX-License-Identifier: MPL-2.0
"""Streams of the stock provider. Terraform opens one for each connection to the plugin."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from instant_clone.plugin.process.proxy import Relay
from instant_clone.stock_provider.releases import NEWEST_CHECKED

_STREAM = "/plugin.GRPCStdio/StreamStdio"
_METHOD = "/tfplugin5.Provider/ReadDataSource"
_SECONDS = 30


class _Stock(grpc.GenericRpcHandler):
    """A stock provider with a silent stream and empty responses to all other calls."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        if handler_call_details.method == _STREAM:
            return grpc.unary_stream_rpc_method_handler(_silence)
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")


def _silence(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    over = threading.Event()
    context.add_callback(over.set)
    over.wait(_SECONDS)
    yield from ()


@contextmanager
def _serving(handler: grpc.GenericRpcHandler, *, workers: int) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(workers), handlers=[handler])
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/socket"
        server.add_insecure_port(address)
        server.start()
        try:
            yield address
        finally:
            server.stop(None).wait()


@pytest.fixture
def plugin() -> Iterator[str]:
    """Return the address of a plugin with two threads."""
    with _serving(_Stock(), workers=16) as stock, grpc.insecure_channel(stock) as channel:
        relay = Relay(channel, version=NEWEST_CHECKED, environ={}, done=threading.Event())
        with _serving(relay, workers=2) as address:
            yield address


def test_a_stream_ends_with_the_connection_to_terraform(plugin: str) -> None:
    for _ in range(6):
        with grpc.insecure_channel(plugin) as terraform:
            # Without serializers, the methods take and return bytes. The type stubs cannot express that.
            listen: Callable[[bytes], object] = terraform.unary_stream(_STREAM)  # type: ignore[assignment]
            ask: Callable[..., bytes] = terraform.unary_unary(_METHOD)
            stream = listen(b"")
            assert ask(b"", timeout=_SECONDS) == b""
            del stream
