# SPDX-License-Identifier: MPL-2.0
"""Providers inside the test's own process, on a socket: for Terraform, or in the stock provider's place.

Terraform connects to a provider that runs already when TF_REATTACH_PROVIDERS tells its socket: nothing is installed,
started or ended.
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

# Field 1, the provider's schema: its field 2, the block, is empty.
_NO_ARGUMENTS = b"\x0a\x02\x12\x00"
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.default_authority", "localhost"),
]


class ProviderService(grpc.GenericRpcHandler):
    """The provider service of Terraform's plugin protocol, answered by a function of method and request.

    go-plugin's own services are missing: both Terraform and our plugin do without.
    """

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        """`answer` gets a method such as "PlanResourceChange", and may be called by several threads at once."""
        self._answer = answer

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler for a method."""
        method: str = handler_call_details.method
        if not method.startswith(SERVICE):
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(method.removeprefix(SERVICE), request)
        )


@contextmanager
def served(handler: grpc.GenericRpcHandler) -> Iterator[Path]:
    """The socket on which `handler` is served until the end of the block."""
    # pytest's own folders are too deep for a socket.
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
    """The environment in which Terraform takes what is served on `socket` for the provider `source`."""
    here = {
        "Protocol": "grpc",
        "ProtocolVersion": 5,
        "Pid": os.getpid(),
        "Test": True,  # else Terraform would end this process
        "Addr": {"Network": "unix", "String": str(socket)},
    }
    return {"TF_REATTACH_PROVIDERS": json.dumps({source: here})}


@contextmanager
def channel_to(address: str) -> Iterator[grpc.Channel]:
    """A channel to an address such as "unix:/run/provider.sock"; schemas are larger than gRPC allows by itself."""
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        yield channel


@contextmanager
def running_stock(binary: Path, environment: Mapping[str, str] = os.environ) -> Iterator[grpc.Channel]:
    """A channel to the stock provider `binary`, which runs until the end of the block. From the main thread only."""
    with tempfile.TemporaryDirectory(prefix="stock-") as folder:
        process = StockProcess(binary, folder=Path(folder), environment=environment, quiet=True)
        try:
            with channel_to(process.address()) as channel:
                yield channel
        finally:
            process.stop()


def indifferent(method: str, request: bytes) -> bytes:
    """What a provider answers that refuses nothing, and takes every stored state as it is."""
    match method:
        case "PrepareProviderConfig":
            # Request and answer have the configuration in the same field.
            return request
        case "UpgradeResourceState":
            state = UpgradeRequest.FromString(request).raw_state
            return UpgradeResponse(upgraded_state=DynamicValue(json=state.json)).SerializeToString()
        case _:
            return b""


def only_resource(name: str, schema: Schema) -> bytes:
    """GetSchema's answer of a provider without arguments and with one resource."""
    schemas = GetSchemaResponse(resource_schemas=[NamedSchema(key=name, value=schema)])
    return _NO_ARGUMENTS + schemas.SerializeToString()


def schema_of(stock: grpc.Channel, resource: str) -> Schema:
    """The stock provider's schema of one resource."""
    answer = GetSchemaResponse.FromString(StockClient(stock).forward(SERVICE + "GetSchema", b""))
    return next(named.value for named in answer.resource_schemas if named.key == resource)
