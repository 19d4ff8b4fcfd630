# SPDX-License-Identifier: MPL-2.0
"""Calls to the stock provider."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
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
"""nestings of a block in a schema"""

_GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

Answer = TypeVar("Answer", bound="Message")


class RefusedError(Exception):
    """The stock provider answered with errors; they are its diagnostics."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(diagnostic.summary for diagnostic in diagnostics))
        self.diagnostics = list(diagnostics)


class StockGoneError(RefusedError):
    """The stock provider's process has ended: whatever is made now, nothing can be done with it."""


@dataclass(frozen=True)
class Imported:
    """A VM as the stock provider imports and reads it: the state, and its private data."""

    state: State
    private: bytes


class StockClient:
    """The stock provider, by its plugin protocol. Safe for several threads."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._schemas: dict[Any, Block] = {}
        self._asking = Condition()

    def forward(self, method: str, request: bytes) -> bytes:
        """The answer to a request, both as they travel. Raises grpc.RpcError."""
        # Without serializers, bytes go in and come out; the stubs have no word for that.
        remote: Callable[[bytes], bytes] = self._channel.unary_unary(method)  # type: ignore[assignment]
        return remote(request)

    def call(self, method: str, request: Message, answer: type[Answer]) -> Answer:
        """The answer to a request of the provider service. Raises RefusedError if the stock provider fails in it."""
        try:
            return answer.FromString(self.forward(SERVICE + method, request.SerializeToString()))
        except grpc.RpcError as failure:
            kind = StockGoneError if failure.code() in _GONE else RefusedError
            raise kind([_failure(method, failure)]) from None

    @cachedmethod(attrgetter("_schemas"), condition=attrgetter("_asking"))
    def schema(self) -> Block:
        """The stock provider's own schema of the resource."""
        answer = GetSchemaResponse.FromString(self.forward(SERVICE + "GetSchema", b""))
        return next(named.value.block for named in answer.resource_schemas if named.key == VIRTUAL_MACHINE)

    def adopt(self, inventory_path: str, *, uuid: str, moid: str, provider_meta: DynamicValue) -> Imported:
        """Return the VM at that path, imported and read.

        Raises RefusedError, CloneError if what was read is not the VM with that BIOS UUID and managed object id.
        """
        # The import takes a path for a pattern, and the refresh that follows finds the VM by its UUID alone.
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
        """The VM as it is now. Raises RefusedError."""
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
        """What the stock provider would do to turn that VM into `config`. Raises RefusedError."""
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
        """Return the plan for a VM or a folder. The apply takes the path in it for a pattern.

        The plan's private data hold the path as it was configured, and the apply takes it from there
        (terraform-plugin-sdk, helper/schema/grpc_provider.go, newExtraKey). Raises RefusedError.
        """
        sent = PlanRequest()
        sent.CopyFrom(request)
        _replace_path(request.type_name, (sent.prior_state, sent.proposed_new_state, sent.config))
        response = self.call("PlanResourceChange", sent, PlanResponse)
        _restore_path(request.type_name, response.planned_state)
        return response

    def apply_change(self, request: ApplyRequest) -> ApplyResponse:
        """Return the answer to a change of a VM or a folder that `plan_change` has planned. Raises RefusedError."""
        sent = ApplyRequest()
        sent.CopyFrom(request)
        _replace_path(request.type_name, (sent.prior_state, sent.planned_state, sent.config))
        response = self.call("ApplyResourceChange", sent, ApplyResponse)
        # What was read has the path as vCenter stores it; a change that failed half-way comes back as it was sent.
        _restore_path(request.type_name, response.new_state)
        return response


def _folder_pattern(path: str) -> str:
    """Return the pattern of a folder below the datacenter's VM folder; a path without special characters stays."""
    root = "/vm/"
    # The stock provider cleans a path itself (folder_helper.go, NormalizePath), but not one with a backslash in it.
    normal = posixpath.normpath(path).lstrip("/")
    pattern = finder_pattern(root + normal).removeprefix(root)
    return path if pattern == normal else pattern


def _parent_pattern(path: str) -> str:
    """Return the path of a folder with its parent as a pattern. The stock provider takes the last part literally."""
    parent, slash, name = posixpath.normpath(path).lstrip("/").rpartition("/")
    pattern = _folder_pattern(parent)
    return path if pattern == parent else f"{pattern}{slash}{name}"


_PATHS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    VIRTUAL_MACHINE: ("folder", _folder_pattern),
    FOLDER: ("path", _parent_pattern),
}
"""By the type of the resource: the argument that is an inventory path, and the pattern that the stock provider needs.

It looks up the folder that it moves a VM to (virtual_machine_helper.go, MoveToFolder), and the parent of a folder that
it makes or moves (resource_vsphere_folder.go, ParentFromPath).
"""


def _replace_path(kind: str, values: Iterable[DynamicValue]) -> None:
    argument, pattern = _PATHS[kind]
    for value in values:
        _replace(value, argument, pattern)


def _restore_path(kind: str, value: DynamicValue) -> None:
    _replace(value, _PATHS[kind][0], matched_path)


def _replace(value: DynamicValue, argument: str, of: Callable[[str], str]) -> None:
    """Replace a text among an object's values, in place. An object is not packed again if its text stays."""
    content = unpack(value)
    text = content.get(argument) if isinstance(content, dict) else None
    if isinstance(text, str) and of(text) != text:
        value.CopyFrom(pack({**content, argument: of(text)}))


def _require_same(state: State | None, path: str, *, uuid: str, moid: str) -> None:
    known = state if state is not None else State({})
    read = str(known.get("uuid")).lower(), known.get("moid")
    if read != (uuid.lower(), moid):
        what = f"the stock provider read the virtual machine {read[1]} (UUID {read[0]}), not {moid} (UUID {uuid})."
        cure = "Nothing of it is in the state. See that the path and the UUID are those of one virtual machine only."
        raise CloneError(Finding(path, what, cure), summary="Another virtual machine was imported")


def _failure(method: str, failure: grpc.RpcError) -> Diagnostic:
    return error(
        "Stock vSphere provider failed",
        f"{method}: {failure.details()} ({failure.code().name}). TF_LOG_PROVIDER=DEBUG shows what it says itself.",
    )


def _raise_if_failed(diagnostics: Sequence[Diagnostic]) -> None:
    if failed(diagnostics):
        raise RefusedError(diagnostics)


def proposed_new(block: Block, prior: State | None, config: Config) -> Plan:
    """Return the state that Terraform proposes: `config`, with prior values for computed attributes that it omits.

    Terraform's core computes it (objchange.ProposedNew) and sends it with each plan. A clone that has just been made is
    planned within its creation, where core does not take part. tests/e2e/test_proposal.py compares it with what
    Terraform sends.

    Nested blocks are paired by position, as core does for lists: no release has others in this resource. A set's
    elements, which have no position, would come out right where they have no computed attributes.
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
