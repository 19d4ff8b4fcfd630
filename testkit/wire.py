# SPDX-License-Identifier: MPL-2.0
"""A client of the plugin protocol that sends Terraform's requests to a Relay and decodes its responses.

This is the only module of the fast tests that imports modules of the plugin by their path.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import grpc
import msgpack
from google.protobuf.message import Message

from instant_clone.plugin.process.proxy import Relay
from instant_clone.plugin.resource import orphan_adoption as takeovers
from instant_clone.plugin.wire.codec import NULL, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    ApplyResponse,
    AttributePath,
    Block,
    ConfigureRequest,
    ConfigureResponse,
    Diagnostic,
    GetSchemaResponse,
    ImportedResource,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    RawState,
    ReadRequest,
    ReadResponse,
    Schema,
    Step,
    UpgradeRequest,
    UpgradeResponse,
    ValidateRequest,
    ValidateResponse,
)
from instant_clone.plugin.wire.upstream_client import proposed_new
from instant_clone.plugin.wire.upstream_process import SERVICE
from instant_clone.stock_provider.names import DRS_VM_OVERRIDE as OVERRIDE
from instant_clone.stock_provider.names import FOLDER
from instant_clone.stock_provider.names import INSTANTCLONE as BLOCK
from instant_clone.stock_provider.names import VIRTUAL_MACHINE as VM
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vcenter.cloning import clone_task as cloning
from instant_clone.vcenter.session import connection as sessions
from instant_clone.vcenter.session import polling
from testkit.in_process import channel_to, served

__all__ = [
    "BLOCK",
    "FOLDER",
    "NULL",
    "OVERRIDE",
    "PATIENCE",
    "SERVICE",
    "UNKNOWN",
    "VM",
    "WAITING",
    "Answer",
    "ApplyRequest",
    "ApplyResponse",
    "AttributePath",
    "Block",
    "Diagnostic",
    "ImportRequest",
    "ImportResponse",
    "ImportedResource",
    "Plan",
    "PlanRequest",
    "PlanResponse",
    "Plugin",
    "ReadRequest",
    "ReadResponse",
    "Schema",
    "Step",
    "UpgradeResponse",
    "ValidateResponse",
    "cloning",
    "completed",
    "pack",
    "running_plugin",
    "sessions",
    "unpack",
]

UNKNOWN = msgpack.ExtType(0, b"\0")
"""an unknown value"""
WAITING = (takeovers, polling)
"""modules of the plugin that sleep through their global `time`"""
PATIENCE = (takeovers, "_PATIENCE_SECONDS")
"""the setting for the seconds that a clone waits until the destroy of another VM starts"""
_SEVERITIES = {1: "error", 2: "warning"}
AMessage = TypeVar("AMessage", bound=Message)


@dataclass(frozen=True)
class Answer:
    """The response to a request."""

    diagnostics: tuple[Diagnostic, ...]
    state: Any = None
    private: bytes = b""
    replaced: tuple[str, ...] = ()
    """attribute paths whose changes require a replacement"""

    @property
    def said(self) -> list[str]:
        """Return the severity, summary and path of each diagnostic, such as "error: Name already in use (name)"."""
        return [_rendered(each) for each in self.diagnostics]

    @property
    def details(self) -> list[str]:
        """Return the details of the diagnostics."""
        return [each.detail for each in self.diagnostics]

    @property
    def failed(self) -> bool:
        """Return whether a diagnostic is an error."""
        return any(each.startswith("error") for each in self.said)


@dataclass(frozen=True)
class Plan(Answer):
    """A plan, with the inputs of its request. `state` is the planned state."""

    kind: str = VM
    prior: Any = None
    config: Any = None


@dataclass(frozen=True)
class Plugin:
    """A running plugin. Its methods send the requests that Terraform sends."""

    channel: grpc.Channel
    relay: Relay
    done: threading.Event
    """set when Terraform has requested the shutdown"""
    schema: Schema = field(default_factory=Schema, repr=False)
    """schema of vsphere_virtual_machine, including the block instantclone"""

    def with_schema(self) -> Self:
        """Request the schema, and return the plugin with the attribute `schema`."""
        schemas = GetSchemaResponse.FromString(self._bytes("GetSchema", b""))
        found = next(named.value for named in schemas.resource_schemas if named.key == VM)
        return replace(self, schema=found)

    def configure(self, config: Any) -> list[str]:
        """Configure the provider, and return the diagnostics."""
        request = ConfigureRequest(terraform_version="1.5.7", config=pack(config))
        return [_rendered(each) for each in self._call("Configure", request, ConfigureResponse).diagnostics]

    def configure_from_environment(self) -> None:
        """Configure the provider without arguments. The stock provider reads them from its environment."""
        block = _provider_schema(self._bytes("GetSchema", b"")).block
        # The response of PrepareProviderConfig has the same fields as UpgradeResponse: configuration and diagnostics.
        request = UpgradeResponse(upgraded_state=pack(completed(block, {})))
        prepared = self._call("PrepareProviderConfig", request, UpgradeResponse)
        diagnostics = [*map(_rendered, prepared.diagnostics), *self.configure(unpack(prepared.upgraded_state))]
        assert diagnostics == []

    def stop(self) -> None:
        """Send Stop, which interrupts running operations."""
        self._bytes("Stop", b"")

    def shut_down(self) -> None:
        """Send the Shutdown request that Terraform sends at its end."""
        self.channel.unary_unary("/plugin.GRPCController/Shutdown")(b"")  # type: ignore[arg-type]

    def output(self) -> list[bytes]:
        """Return the output of the stock provider, until the stream ends."""
        stream: Iterator[bytes] = self.channel.unary_stream("/plugin.GRPCStdio/StreamStdio")(b"")  # type: ignore[arg-type]
        return list(stream)

    def broker(self) -> list[bytes]:
        """Return the responses of the stock provider's broker, until the stream ends."""
        stream: Iterator[bytes] = self.channel.stream_stream("/plugin.GRPCBroker/StartStream")(iter([b""]))  # type: ignore[arg-type]
        return list(stream)

    def validate(self, config: Any) -> Answer:
        """Validate a configuration, and return the response."""
        answer = self._call(
            "ValidateResourceTypeConfig", ValidateRequest(type_name=VM, config=pack(config)), ValidateResponse
        )
        return Answer(tuple(answer.diagnostics))

    def upgrade(self, state: bytes, *, version: int = 3) -> Answer:
        """Upgrade a state that is stored as JSON, and return the response."""
        request = UpgradeRequest(type_name=VM, version=version, raw_state=RawState(json=state))
        answer = self._call("UpgradeResourceState", request, UpgradeResponse)
        return Answer(tuple(answer.diagnostics), unpack(answer.upgraded_state))

    def read(self, state: Any, *, kind: str = VM, private: bytes = b"") -> Answer:
        """Refresh a state, and return the response."""
        request = ReadRequest(type_name=kind, current_state=pack(state), private=private, provider_meta=NULL)
        answer = self._call("ReadResource", request, ReadResponse)
        return Answer(tuple(answer.diagnostics), unpack(answer.new_state), answer.private)

    def import_vm(self, path: str) -> Answer:
        """Import a VM. Return the response with the state of the imported resource, or with None."""
        answer = self._call("ImportResourceState", ImportRequest(type_name=VM, id=path), ImportResponse)
        states = [unpack(each.state) for each in answer.imported_resources]
        return Answer(tuple(answer.diagnostics), states[0] if states else None)

    def plan(self, prior: Any, config: Any, *, kind: str = VM, private: bytes = b"") -> Plan:
        """Plan to create an object (`prior` is None), to destroy it (`config` is None) or to change it."""
        proposed = config
        if kind == VM and config is not None:
            proposed = proposed_new(self.schema.block, prior, config)
        request = PlanRequest(
            type_name=kind,
            prior_state=pack(prior),
            proposed_new_state=pack(proposed),
            config=pack(config),
            prior_private=private,
            provider_meta=NULL,
        )
        answer = self._call("PlanResourceChange", request, PlanResponse)
        return Plan(
            tuple(answer.diagnostics),
            unpack(answer.planned_state),
            answer.planned_private,
            tuple(map(_path, answer.requires_replace)),
            kind,
            prior,
            config,
        )

    def apply(self, plan: Plan) -> Answer:
        """Apply a plan, and return the response."""
        request = ApplyRequest(
            type_name=plan.kind,
            prior_state=pack(plan.prior),
            planned_state=pack(plan.state),
            config=pack(plan.config),
            planned_private=plan.private,
            provider_meta=NULL,
        )
        answer = self._call("ApplyResourceChange", request, ApplyResponse)
        return Answer(tuple(answer.diagnostics), unpack(answer.new_state), answer.private)

    def change(self, prior: Any, config: Any, *, kind: str = VM) -> Answer:
        """Plan and apply a change, and return the response of the apply.

        Raises:
            AssertionError: the plan has an error.
        """
        plan = self.plan(prior, config, kind=kind)
        assert not plan.failed, plan.details
        return self.apply(plan)

    def make(self, config: Any, *, kind: str = VM) -> Answer:
        """Plan and create an object, and return the response of the apply."""
        return self.change(None, config, kind=kind)

    def destroy(self, prior: Any, *, kind: str = VM) -> Answer:
        """Plan and destroy an object, and return the response of the apply."""
        return self.change(prior, None, kind=kind)

    def _call(self, method: str, request: Message, answer: type[AMessage]) -> AMessage:
        return answer.FromString(self._bytes(method, request.SerializeToString()))

    def _bytes(self, method: str, request: bytes) -> bytes:
        answer: bytes = self.channel.unary_unary(SERVICE + method)(request)  # type: ignore[arg-type]
        return answer


@contextmanager
def running_plugin(stock: grpc.Channel, *, release: ProviderVersion, environ: Mapping[str, str]) -> Iterator[Plugin]:
    """Run the plugin in front of a stock provider of this release until the end of the block, and yield the plugin."""
    done = threading.Event()
    relay = Relay(stock, version=release, environ=environ, done=done)
    try:
        with served(relay) as socket, channel_to(f"unix:{socket}") as channel:
            yield Plugin(channel, relay, done).with_schema()
    finally:
        relay.close()


def completed(block: Block, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as Terraform sends it: null for missing attributes, and [] for missing blocks."""
    attributes = {each.name: values.get(each.name) for each in block.attributes}
    blocks = {
        nested.type_name: [completed(nested.block, each) for each in values.get(nested.type_name) or ()]
        for nested in block.block_types
    }
    return attributes | blocks


def _provider_schema(schemas: bytes) -> Schema:
    """Return the schema of the provider configuration: field 1 of the GetSchema response.

    tfplugin5.py does not define this field.
    """
    position = 0
    while True:
        # Each field is a message: a tag of one byte, the length as a varint, and the content.
        tag, length, shift = schemas[position], 0, 0
        position += 1
        while True:
            length |= (schemas[position] & 0x7F) << shift
            shift, position = shift + 7, position + 1
            if schemas[position - 1] < 0x80:
                break
        if tag == 0x0A:
            return Schema.FromString(schemas[position : position + length])
        position += length


def _rendered(diagnostic: Diagnostic) -> str:
    path = _path(diagnostic.attribute)
    return f"{_SEVERITIES[diagnostic.severity]}: {diagnostic.summary}" + (f" ({path})" if path else "")


def _path(path: AttributePath) -> str:
    """Return a path as Terraform writes it, such as "instantclone[0].source_uuid"."""
    text = ""
    for step in path.steps:
        text += f".{step.attribute_name}" if step.attribute_name else f"[{step.element_key_int}]"
    return text.removeprefix(".")
