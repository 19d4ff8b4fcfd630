# SPDX-License-Identifier: MPL-2.0
"""The gRPC service of the plugin.

It handles the calls for the resources in `Relay._intercepts`, and forwards all other calls to the stock provider.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc

from instant_clone.plugin.resource.diagnostics import explained
from instant_clone.plugin.resource.drs_overrides import DrsOverrides
from instant_clone.plugin.resource.identity import Identities
from instant_clone.plugin.resource.planned_folders import PlannedFolders
from instant_clone.plugin.resource.updates import DestroyTracker
from instant_clone.plugin.resource.vcenter_client import VcenterClient
from instant_clone.plugin.resource.virtual_machine import VirtualMachine
from instant_clone.plugin.wire import log
from instant_clone.plugin.wire.codec import error, unpack
from instant_clone.plugin.wire.schema import add_block
from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    ApplyResponse,
    ConfigureRequest,
    ConfigureResponse,
    GetSchemaResponse,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
    UpgradeRequest,
    UpgradeResponse,
    ValidateRequest,
    ValidateResponse,
)
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.upstream_process import SERVICE
from instant_clone.stock_provider.names import DRS_VM_OVERRIDE, FOLDER, VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import ProviderVersion

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Relay"]

_SHUTDOWN = "/plugin.GRPCController/Shutdown"
_STREAM_FROM_SERVER = "/plugin.GRPCStdio/StreamStdio"
_STREAM_BOTH_WAYS = "/plugin.GRPCBroker/StartStream"


class _Intercept(NamedTuple):
    request: type[Message]
    response: type[Message]
    handlers: Mapping[str, Callable[[Any], Message]]
    """The handler of each resource type. A request for another type is forwarded unchanged."""


class Relay(grpc.GenericRpcHandler):
    """A gRPC service for Terraform that forwards calls to the stock provider, and adds the `instantclone` block."""

    def __init__(
        self, channel: grpc.Channel, *, version: ProviderVersion, environ: Mapping[str, str], done: threading.Event
    ) -> None:
        """Create a relay.

        Args:
            channel: the connection with the stock provider.
            version: the release of the stock provider.
            environ: the environment variables, for the connection with vCenter.
            done: the relay sets this event when Terraform shuts the plugin down.
        """
        self._channel = channel
        self._stock = StockClient(channel)
        self._vcenter = VcenterClient(self._stock, environ)
        self._stopped = threading.Event()
        self._done = done
        self._folders = PlannedFolders()
        destroy_tracker = DestroyTracker()
        identities = Identities(self._vcenter)
        pins = DrsOverrides(self._stock, self._vcenter, destroy_tracker, identities)
        machine = VirtualMachine(
            self._stock,
            self._vcenter,
            version=version,
            stopped=self._stopped,
            folders=self._folders,
            destroy_tracker=destroy_tracker,
            identities=identities,
        )
        self._intercepts = {
            "ApplyResourceChange": _Intercept(
                ApplyRequest,
                ApplyResponse,
                {VIRTUAL_MACHINE: machine.apply, DRS_VM_OVERRIDE: pins.apply, FOLDER: self._stock.apply_change},
            ),
            "ImportResourceState": _Intercept(ImportRequest, ImportResponse, {VIRTUAL_MACHINE: machine.import_state}),
            "PlanResourceChange": _Intercept(
                PlanRequest, PlanResponse, {VIRTUAL_MACHINE: machine.plan, FOLDER: self._plan_folder}
            ),
            "ReadResource": _Intercept(
                ReadRequest, ReadResponse, {VIRTUAL_MACHINE: machine.read, DRS_VM_OVERRIDE: pins.read}
            ),
            "UpgradeResourceState": _Intercept(UpgradeRequest, UpgradeResponse, {VIRTUAL_MACHINE: machine.upgrade}),
            "ValidateResourceTypeConfig": _Intercept(
                ValidateRequest, ValidateResponse, {VIRTUAL_MACHINE: machine.validate}
            ),
        }
        self._method_handlers: dict[str, Callable[[bytes], bytes]] = {
            SERVICE + "GetSchema": self._get_schema,
            SERVICE + "Configure": self._configure,
            SERVICE + "Stop": self._stop,
            _SHUTDOWN: self._shutdown,
        }

    def stop_creating(self) -> None:
        """Refuse new clones from now on. Running clone tasks continue."""
        self._stopped.set()

    def close(self) -> None:
        """Log out of vCenter."""
        self._vcenter.close()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler for a method. gRPC calls this function for each call of the method."""
        method: str = handler_call_details.method
        if method == _STREAM_FROM_SERVER:
            return grpc.unary_stream_rpc_method_handler(
                lambda request, context: _until_closed(self._channel.unary_stream(method)(request), context)
            )
        if method == _STREAM_BOTH_WAYS:
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: _until_closed(self._channel.stream_stream(method)(requests), context)
            )
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(method, request, context))

    def _answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            if method in self._method_handlers:
                return self._method_handlers[method](request)
            intercept = self._intercepts.get(method.removeprefix(SERVICE))
            if intercept is None:
                return self._stock.forward(method, request)
            parsed = intercept.request.FromString(request)
            handler = intercept.handlers.get(parsed.type_name)  # type: ignore[attr-defined]
            if handler is None:
                return self._stock.forward(method, request)
            return self._handle(handler, intercept.response, parsed, request).SerializeToString()
        except grpc.RpcError as failure:
            context.abort(failure.code(), failure.details() or "")
            raise

    def _handle(
        self, handler: Callable[[Any], Message], response_type: type[Message], parsed: Message, request: bytes
    ) -> Message:
        """Return the response of `handler`. An exception becomes an error diagnostic."""
        try:
            return handler(parsed)
        except Exception as failure:  # noqa: BLE001 - Terraform would show the exception as "Plugin error"
            diagnostics = explained(failure)
        response = response_type(diagnostics=diagnostics)
        if isinstance(response, ApplyResponse):
            # Terraform treats an object with a null state as deleted.
            apply = ApplyRequest.FromString(request)
            response.new_state.CopyFrom(apply.prior_state)
            response.private = apply.planned_private
        return response

    def _plan_folder(self, request: PlanRequest) -> PlanResponse:
        self._folders.note(request)
        return self._stock.plan_change(request)

    def _get_schema(self, request: bytes) -> bytes:
        schemas = GetSchemaResponse.FromString(self._stock.forward(SERVICE + "GetSchema", request))
        add_block(schemas)
        return schemas.SerializeToString()

    def _configure(self, request: bytes) -> bytes:
        self._stopped.clear()
        findings = self._vcenter.configure(unpack(ConfigureRequest.FromString(request).config) or {})
        if findings:
            invalid = [error("Invalid provider configuration", str(finding)) for finding in findings]
            return ConfigureResponse(diagnostics=invalid).SerializeToString()
        return self._stock.forward(SERVICE + "Configure", request)

    def _stop(self, request: bytes) -> bytes:
        self._stopped.set()
        log.debug("Terraform was interrupted: the plugin starts no further clones")
        return self._stock.forward(SERVICE + "Stop", request)

    def _shutdown(self, request: bytes) -> bytes:
        try:
            return self._stock.forward(_SHUTDOWN, request)
        except grpc.RpcError:  # the stock provider may end before it answers
            return b""
        finally:
            self._done.set()


def _until_closed(stream: Any, context: grpc.ServicerContext) -> Iterator[bytes]:
    """Yield the messages of a stream from the stock provider until either side closes its connection.

    A closed connection is not an error. The stream is cancelled when Terraform closes its connection. An unread stream
    would occupy a thread of the server for as long as the stock provider runs.
    """
    if not context.add_callback(stream.cancel):
        stream.cancel()
    try:
        yield from stream
    except grpc.RpcError:
        return
