# SPDX-License-Identifier: MPL-2.0
"""The client for the stock provider."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from threading import Condition
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from cachetools import cachedmethod

from instant_clone.errors import CloneError, Finding
from instant_clone.inventory_names import finder_pattern, matched_path
from instant_clone.plugin.wire.codec import error, failed, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    ApplyResponse,
    Block,
    Diagnostic,
    DynamicValue,
    GetSchemaResponse,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
)
from instant_clone.plugin.wire.upstream_process import SERVICE
from instant_clone.plugin.wire.values import Config, Plan, State
from instant_clone.stock_provider.names import FOLDER, VIRTUAL_MACHINE

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Imported", "RefusedError", "StockClient", "StockGoneError", "proposed_new"]

_LIST, _SET = 2, 3
"""Nesting modes of a block in a schema."""

_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

Answer = TypeVar("Answer", bound="Message")
Request = TypeVar("Request", PlanRequest, ApplyRequest)


class RefusedError(Exception):
    """The stock provider answered with errors. `diagnostics` holds the diagnostics of the stock provider."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(diagnostic.summary for diagnostic in diagnostics))
        self.diagnostics = list(diagnostics)


class StockGoneError(RefusedError):
    """The stock provider's process has ended, so it can neither read nor change any object."""


@dataclass(frozen=True)
class Imported:
    """A VM that the stock provider has imported and read: the state and its private data."""

    state: State
    private: bytes


class StockClient:
    """A client for the plugin protocol of the stock provider. The client is thread-safe."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._schemas: dict[Any, Block] = {}
        self._schema_condition = Condition()

    def forward(self, method: str, request: bytes) -> bytes:
        """Return the serialized response to a serialized request.

        Raises:
            grpc.RpcError: the call failed.
        """
        # Without serializers, the method takes and returns bytes. The type stubs cannot express that.
        remote: Callable[[bytes], bytes] = self._channel.unary_unary(method)  # type: ignore[assignment]
        return remote(request)

    def call(self, method: str, request: Message, answer: type[Answer]) -> Answer:
        """Return the response of the stock provider's service to `request`.

        Raises:
            StockGoneError: the stock provider's process has ended.
            RefusedError: the call failed for another reason.
        """
        try:
            return answer.FromString(self.forward(SERVICE + method, request.SerializeToString()))
        except grpc.RpcError as failure:
            kind = StockGoneError if failure.code() in _GONE else RefusedError
            raise kind([_failure(method, failure)]) from None

    @cachedmethod(attrgetter("_schemas"), condition=attrgetter("_schema_condition"))
    def schema(self) -> Block:
        """Return the stock provider's schema of vsphere_virtual_machine, without the `instantclone` block."""
        answer = GetSchemaResponse.FromString(self.forward(SERVICE + "GetSchema", b""))
        return next(named.value.block for named in answer.resource_schemas if named.key == VIRTUAL_MACHINE)

    def adopt(self, inventory_path: str, *, uuid: str, moid: str, provider_meta: DynamicValue) -> Imported:
        """Import and read the VM at `inventory_path`. Return its state and private data.

        Args:
            inventory_path: the VM's absolute inventory path.
            uuid: the VM's BIOS UUID.
            moid: the VM's managed object id.
            provider_meta: forwarded to the stock provider.

        Raises:
            RefusedError: the stock provider answered with errors.
            CloneError: the stock provider read a VM with another BIOS UUID or managed object id.
        """
        # The import treats the path as a pattern. The read after the import finds the VM by its UUID only.
        imported = self.call(
            "ImportResourceState",
            ImportRequest(type_name=VIRTUAL_MACHINE, id=finder_pattern(inventory_path)),
            ImportResponse,
        )
        _raise_if_failed(imported.diagnostics)
        resource = next(found for found in imported.imported_resources if found.type_name == VIRTUAL_MACHINE)
        read = self.read(Imported(unpack(resource.state), resource.private), provider_meta)
        _require_same(read.state, inventory_path, uuid=uuid, moid=moid)
        return read

    def read(self, imported: Imported, provider_meta: DynamicValue) -> Imported:
        """Read the VM again. Return its new state and private data.

        Raises:
            RefusedError: the stock provider answered with errors.
        """
        request = ReadRequest(
            type_name=VIRTUAL_MACHINE,
            current_state=pack(imported.state),
            private=imported.private,
            provider_meta=provider_meta,
        )
        read = self.call("ReadResource", request, ReadResponse)
        _raise_if_failed(read.diagnostics)
        return Imported(unpack(read.new_state), read.private or imported.private)

    def plan(self, imported: Imported, config: DynamicValue, provider_meta: DynamicValue) -> PlanResponse:
        """Return the stock provider's plan to change the VM to `config`.

        Raises:
            RefusedError: the stock provider answered with errors.
        """
        request = PlanRequest(
            type_name=VIRTUAL_MACHINE,
            prior_state=pack(imported.state),
            proposed_new_state=pack(proposed_new(self.schema(), imported.state, unpack(config))),
            config=config,
            prior_private=imported.private,
            provider_meta=provider_meta,
        )
        planned = self.plan_change(request)
        _raise_if_failed(planned.diagnostics)
        return planned

    def plan_change(self, request: PlanRequest) -> PlanResponse:
        """Return the stock provider's plan for a VM or a folder. Send the inventory path as a pattern.

        The stock provider treats the path as a pattern during the apply. It reads the configured path from the plan's
        private data (terraform-plugin-sdk, helper/schema/grpc_provider.go, newExtraKey). The plan request must
        therefore have the pattern, too.

        Raises:
            RefusedError: the call failed.
        """
        sent = _with_pattern(request, "prior_state", "proposed_new_state", "config")
        response = self.call("PlanResourceChange", sent, PlanResponse)
        _replace(response.planned_state, _PATHS[request.type_name][0], matched_path)
        return response

    def apply_change(self, request: ApplyRequest) -> ApplyResponse:
        """Apply a change of a VM or a folder that `plan_change` has planned, and return the response.

        Raises:
            RefusedError: the call failed.
        """
        sent = _with_pattern(request, "prior_state", "planned_state", "config")
        response = self.call("ApplyResourceChange", sent, ApplyResponse)
        # After a successful change, the state has the path as vCenter stores it. After a failure, it has the pattern.
        _replace(response.new_state, _PATHS[request.type_name][0], matched_path)
        return response


def _folder_pattern(path: str) -> str:
    """Return the pattern for a folder below the datacenter's VM folder.

    A path without special characters is returned unchanged.
    """
    root = "/vm/"
    # The stock provider normalizes a path (folder_helper.go, NormalizePath), unless the path contains a backslash.
    normal = posixpath.normpath(path).lstrip("/")
    pattern = finder_pattern(root + normal).removeprefix(root)
    return path if pattern == normal else pattern


def _parent_pattern(path: str) -> str:
    """Return a folder's path with its parent as a pattern. The stock provider uses the folder name literally."""
    parent, slash, name = posixpath.normpath(path).lstrip("/").rpartition("/")
    pattern = _folder_pattern(parent)
    return path if pattern == parent else f"{pattern}{slash}{name}"


_PATHS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    VIRTUAL_MACHINE: ("folder", _folder_pattern),
    FOLDER: ("path", _parent_pattern),
}
"""The argument with the inventory path for each resource type, and the function that returns its pattern.

The stock provider looks up by pattern:

- the folder to which it moves a VM (virtual_machine_helper.go, MoveToFolder)
- the parent of a folder that it creates or moves (resource_vsphere_folder.go, ParentFromPath)
"""


def _with_pattern(request: Request, *fields: str) -> Request:
    """Return a copy of the request with the inventory path of the objects in `fields` as a pattern."""
    sent = type(request)()
    sent.CopyFrom(request)
    for field in fields:
        _replace(getattr(sent, field), *_PATHS[request.type_name])
    return sent


def _replace(value: DynamicValue, argument: str, convert: Callable[[str], str]) -> None:
    """Convert the string argument `argument` of the object in `value` in place.

    The object is encoded again only if the string changes.
    """
    content = unpack(value)
    text = content.get(argument) if isinstance(content, dict) else None
    if isinstance(text, str) and convert(text) != text:
        value.CopyFrom(pack({**content, argument: convert(text)}))


def _require_same(state: State | None, path: str, *, uuid: str, moid: str) -> None:
    values = state if state is not None else State({})
    read = str(values.get("uuid")).lower(), values.get("moid")
    if read != (uuid.lower(), moid):
        what = f"the stock provider read the virtual machine {read[1]} (UUID {read[0]}), not {moid} (UUID {uuid})."
        cure = (
            "The virtual machine was not added to the state. Make sure that only one virtual machine has this path "
            "and only one has this UUID."
        )
        raise CloneError(Finding(path, what, cure), summary="Another virtual machine was imported")


def _failure(method: str, failure: grpc.RpcError) -> Diagnostic:
    return error(
        "Stock vSphere provider failed",
        f"{method}: {failure.details()} ({failure.code().name}). Set TF_LOG_PROVIDER=DEBUG to see the log of the stock "
        "provider.",
    )


def _raise_if_failed(diagnostics: Sequence[Diagnostic]) -> None:
    if failed(diagnostics):
        raise RefusedError(diagnostics)


def proposed_new(block: Block, prior: State | None, config: Config) -> Plan:
    """Return the state that Terraform proposes: `config`, with prior values for omitted computed attributes.

    Terraform core computes this state (objchange.ProposedNew) and sends it with each plan. During the creation
    of a clone, the plugin itself plans the changes of the clone, and core is not involved. tests/e2e/test_proposal.py
    compares this function with the state that Terraform sends.

    Nested blocks are paired by position, as core does for lists. In all releases, the nested blocks of this resource
    are lists. Set elements have no position, so pairing them is correct only if they have no computed attributes.
    """
    return Plan(_proposed(block, prior or {}, config))


def _proposed(block: Block, prior: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    proposed: dict[str, Any] = {}
    for attribute in block.attributes:
        value = config.get(attribute.name)
        proposed[attribute.name] = prior.get(attribute.name) if attribute.computed and value is None else value
    for nested in block.block_types:
        value, before = config.get(nested.type_name), prior.get(nested.type_name)
        if nested.nesting in (_LIST, _SET) and isinstance(value, list):
            olds = before if isinstance(before, list) else []
            proposed[nested.type_name] = [
                _proposed(nested.block, olds[index] if index < len(olds) else {}, element)
                if isinstance(element, dict)
                else element
                for index, element in enumerate(value)
            ]
        elif isinstance(value, dict):
            proposed[nested.type_name] = _proposed(nested.block, before if isinstance(before, dict) else {}, value)
        else:
            proposed[nested.type_name] = value
    return proposed
