# SPDX-License-Identifier: MPL-2.0
"""Providers that run inside the test process and listen on a Unix socket.

The client is Terraform, or the plugin if the provider replaces the stock provider. Terraform finds the socket through
the variable TF_REATTACH_PROVIDERS. It then does not install, start or stop a provider.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc

from instant_clone.plugin.wire.tfplugin5 import (
    DynamicValue,
    GetSchemaResponse,
    NamedSchema,
    Schema,
    UpgradeRequest,
    UpgradeResponse,
)
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.upstream_process import SERVICE, StockProcess

__all__ = [
    "ProviderService",
    "channel_to",
    "indifferent",
    "only_resource",
    "reattached",
    "running_stock",
    "schema_of",
    "served",
]

# Field 1 of the message is the schema of the provider. Field 2 of the schema, the block, is empty.
_NO_ARGUMENTS = b"\x0a\x02\x12\x00"
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.default_authority", "localhost"),
]


class ProviderService(grpc.GenericRpcHandler):
    """The provider service of Terraform's plugin protocol, implemented by one function.

    It does not implement the services of go-plugin, because neither Terraform nor the plugin requires them.
    """

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        """Answer each request with `answer(method, request)`, where `method` is a name such as "PlanResourceChange".

        Several threads call `answer` concurrently.
        """
        self._answer = answer

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the gRPC handler of a method, or None for another service."""
        method: str = handler_call_details.method
        if not method.startswith(SERVICE):
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(method.removeprefix(SERVICE), request)
        )


@contextmanager
def served(handler: grpc.GenericRpcHandler) -> Iterator[Path]:
    """Serve `handler` until the end of the block, and yield the path of the socket."""
    # The paths of pytest's tmp_path exceed the length limit of a socket address.
    with tempfile.TemporaryDirectory(prefix="served-") as folder:
        socket = Path(folder) / "provider.sock"
        server = grpc.server(ThreadPoolExecutor(16), handlers=[handler], options=_OPTIONS)
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        try:
            yield socket
        finally:
            server.stop(grace=None).wait()


def reattached(source: str, socket: Path) -> dict[str, str]:
    """Return the environment variables with which Terraform uses the server on `socket` as the provider `source`."""
    here = {
        "Protocol": "grpc",
        "ProtocolVersion": 5,
        "Pid": os.getpid(),
        "Test": True,  # if this is False, Terraform kills this process
        "Addr": {"Network": "unix", "String": str(socket)},
    }
    return {"TF_REATTACH_PROVIDERS": json.dumps({source: here})}


@contextmanager
def channel_to(address: str) -> Iterator[grpc.Channel]:
    """Yield a channel to an address such as "unix:/run/provider.sock".

    The channel accepts large messages, because schemas exceed the default limit of gRPC.
    """
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        yield channel


@contextmanager
def running_stock(binary: Path, environment: Mapping[str, str] = os.environ) -> Iterator[grpc.Channel]:
    """Run the stock provider `binary` until the end of the block, and yield a channel to it.

    Only the main thread can call this function.
    """
    with tempfile.TemporaryDirectory(prefix="stock-") as folder:
        process = StockProcess(binary, folder=Path(folder), environment=environment, quiet=True)
        try:
            with channel_to(process.address()) as channel:
                yield channel
        finally:
            process.stop()


def indifferent(method: str, request: bytes) -> bytes:
    """Return the response of a provider that reports no errors and does not upgrade stored states."""
    match method:
        case "PrepareProviderConfig":
            # The configuration has the same field number in the request and in the response.
            return request
        case "UpgradeResourceState":
            state = UpgradeRequest.FromString(request).raw_state
            return UpgradeResponse(upgraded_state=DynamicValue(json=state.json)).SerializeToString()
        case _:
            return b""


def only_resource(name: str, schema: Schema) -> bytes:
    """Return the GetSchema response of a provider without arguments and with one resource."""
    schemas = GetSchemaResponse(resource_schemas=[NamedSchema(key=name, value=schema)])
    return _NO_ARGUMENTS + schemas.SerializeToString()


def schema_of(stock: grpc.Channel, resource: str) -> Schema:
    """Return the schema of one resource of the stock provider."""
    answer = GetSchemaResponse.FromString(StockClient(stock).forward(SERVICE + "GetSchema", b""))
    return next(named.value for named in answer.resource_schemas if named.key == resource)
