# SPDX-License-Identifier: MPL-2.0
"""A fake of the stock provider with the behaviour of release 2.16.1, for the VMs of a World.

It implements only the behaviour on which the plugin depends. tests/e2e/test_standins.py compares it with the stock
provider. The rules:

- An import finds a VM by an inventory path whose parts are patterns. It labels the disks "Hard disk N".
  Releases before 2.7.0 label the disks "diskN" and set keep_on_remove.
- The refresh after an import finds the VM only by its UUID (virtual_machine_helper.go, FromUUID). It reads extra_config
  only for the keys in the state.
- A refresh matches disks by UUID. It labels a disk that the state lacks "orphaned_disk_N". It fails if a disk in the
  state has no device address (virtual_machine_disk_subresource.go, DiskRefreshOperation).
- A plan is the proposed state, with prior values for missing arguments. It matches disks by label (DiskDiffOperation).
- An apply creates or changes the VM as planned, and reads it.
- A destroy shuts down the guest, or powers the VM off if VMware Tools do not run. It then detaches the disks with
  keep_on_remove, and destroys the VM.
- An import and a refresh fail if a disk has another backing than FlatVer2. A destroy does not.
- A change and a destroy fail if no VM has the UUID in the state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from instant_clone.inventory_names import matched_path
from instant_clone.stock_provider.releases import ProviderVersion
from testkit.in_process import indifferent, only_resource
from testkit.standins import recorded
from testkit.standins.overrides import Overrides
from testkit.standins.states import STATE_ONLY, disks_after, import_of, planned, state_of, with_known_disks
from testkit.standins.world import Faults, Vm, World
from testkit.wire import (
    FOLDER,
    NULL,
    OVERRIDE,
    SERVICE,
    VM,
    ApplyRequest,
    ApplyResponse,
    AttributePath,
    Diagnostic,
    ImportedResource,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
    Step,
    UpgradeResponse,
    ValidateResponse,
    pack,
    unpack,
)

__all__ = ["PRIVATE", "Died", "Stock"]

PRIVATE = b'{"schema_version":"3"}'
"""private data of each VM after a refresh"""
_ERROR = 1


@dataclass(frozen=True)
class Died:
    """The fault that the process of the stock provider exits during an operation."""


class _FailedError(Exception):
    """An operation failed; `diagnostic` is the error that the provider reports."""

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.diagnostic = Diagnostic(severity=_ERROR, summary=summary, detail=detail)


class Stock(grpc.GenericRpcHandler):
    """A server of the plugin protocol.

    A fault in `faults` is the summary of a diagnostic, a gRPC status code, or Died().
    """

    def __init__(self, world: World, release: ProviderVersion = recorded.RELEASE) -> None:
        self.faults = Faults()
        """faults by method, such as "ReadResource", and by VM"""
        self.asked: list[str] = []
        """the called methods, in order"""
        self.replaces: set[str] = {"replace_trigger"}
        """arguments whose changes replace the VM"""
        self.alive = True
        self.hold: Callable[[str, str], None] = lambda method, vm: None
        """function that is called with the method and the VM before each operation"""
        self.misled: dict[str, str] = {}
        """MoRef of the VM that an import finds at a path, instead of the VM at that path"""
        self.vanishing: set[str] = set()
        """names of VMs that disappear after an apply has changed them and before it reads them"""
        self.without: set[str] = set()
        """attributes that the release does not support"""
        self.overrides = Overrides(world)
        self._world = world
        self._release = release
        self._answers: dict[str, Callable[[bytes], Message]] = {
            "ValidateResourceTypeConfig": lambda request: ValidateResponse(),
            "ImportResourceState": self._import,
            "ReadResource": self._read,
            "PlanResourceChange": self._plan,
            "ApplyResourceChange": self._apply,
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the gRPC handler of a method."""
        method: str = handler_call_details.method
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(method.removeprefix(SERVICE), request, context)
        )

    def _answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.asked.append(method)
        vm = self._vm_of(method, request)
        self.hold(method, vm)
        fault = self.faults.take(method, vm)
        if isinstance(fault, Died):
            self.alive = False
        if isinstance(fault, grpc.StatusCode):
            context.abort(fault, "the stand-in fails")
        if not self.alive:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the stand-in has ended")
        if method == "GetSchema":
            return only_resource(VM, recorded.recording().schema)
        if fault is not None:
            return _failed(method, request, _FailedError(fault).diagnostic).SerializeToString()
        if method not in self._answers:
            return indifferent(method, request)
        try:
            return self._answers[method](request).SerializeToString()
        except _FailedError as failure:
            return _failed(method, request, failure.diagnostic).SerializeToString()

    def _vm_of(self, method: str, request: bytes) -> str:
        """Return the VM name of a request, or "" if the request has no VM."""
        match method:
            case "ImportResourceState":
                return matched_path(ImportRequest.FromString(request).id).rpartition("/")[2]
            case "ReadResource":
                state = unpack(ReadRequest.FromString(request).current_state)
            case "PlanResourceChange":
                plan = PlanRequest.FromString(request)
                state = unpack(plan.prior_state) or unpack(plan.proposed_new_state)
            case "ApplyResourceChange":
                apply = ApplyRequest.FromString(request)
                state = unpack(apply.prior_state) or unpack(apply.planned_state)
            case _:
                return ""
        # The plugin plans a source with the name of the clone. The name in the state is therefore not sufficient.
        found = self._find(state) if state and "disk" in state else None
        return found.name if found is not None else str((state or {}).get("name") or "")

    def _import(self, request: bytes) -> ImportResponse:
        pattern = ImportRequest.FromString(request).id
        matching = re.compile(_expression(pattern))
        misled = self._world.vms.get(self.misled.get(matched_path(pattern), ""))
        found = misled or next((vm for vm in self._world if matching.fullmatch(vm.path)), None)
        if found is None:
            raise _FailedError(f"error fetching virtual machine: vm '{pattern}' not found")
        _require_supported_disks(found)
        state = import_of(found, self._release)
        return ImportResponse(imported_resources=[ImportedResource(type_name=VM, state=pack(state), private=PRIVATE)])

    def _read(self, request: bytes) -> ReadResponse:
        asked = ReadRequest.FromString(request)
        state = unpack(asked.current_state)
        if asked.type_name == OVERRIDE:
            return self._answer_about_override(self.overrides.read, state)
        found = self._find(state)
        if found is None:
            return ReadResponse(new_state=NULL)
        _require_supported_disks(found)
        return ReadResponse(new_state=pack(self._state(found, state)), private=PRIVATE)

    def _state(self, vm: Vm, state: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return state_of(vm, state) | dict.fromkeys(self.without)
        except LookupError as missing:
            raise _FailedError(f"error reading virtual machine: {missing.args[0]}") from None

    def _find(self, state: Mapping[str, Any]) -> Vm | None:
        return next(iter(self._world.with_uuid(state.get("uuid") or state.get("id"))), None)

    def _answer_about_override(
        self, read: Callable[[dict[str, Any]], dict[str, Any] | None], state: dict[str, Any]
    ) -> ReadResponse:
        try:
            return ReadResponse(new_state=pack(read(state)), private=PRIVATE)
        except LookupError as missing:
            raise _FailedError(missing.args[0]) from None

    def _plan(self, request: bytes) -> PlanResponse:
        asked = PlanRequest.FromString(request)
        prior, proposed = unpack(asked.prior_state), unpack(asked.proposed_new_state)
        if asked.type_name != VM or proposed is None:
            # For other resources, Terraform core proposes the prior values of missing attributes.
            if prior is not None and proposed is not None:
                proposed = {key: prior.get(key) if value is None else value for key, value in proposed.items()}
            return PlanResponse(planned_state=pack(proposed), planned_private=PRIVATE, legacy_type_system=True)
        after = planned(prior, proposed, recorded.recording().schema.block)
        # For a new resource, the SDK requires replacement because of `id`, which becomes known.
        changed = ["id"] if prior is None else [name for name in sorted(self.replaces) if prior[name] != after[name]]
        return PlanResponse(
            planned_state=pack(after),
            planned_private=PRIVATE,
            requires_replace=[AttributePath(steps=[Step(attribute_name=name)]) for name in changed],
            legacy_type_system=True,
        )

    def _apply(self, request: bytes) -> ApplyResponse:
        asked = ApplyRequest.FromString(request)
        prior, after = unpack(asked.prior_state), unpack(asked.planned_state)
        if asked.type_name == FOLDER:
            self._world.note(f"stock: folder {after['path']}")
            return ApplyResponse(new_state=asked.planned_state, private=PRIVATE, legacy_type_system=True)
        if asked.type_name == OVERRIDE:
            problem, pinned = self.overrides.apply(prior, after)
            if problem:
                raise _FailedError(problem)
            return ApplyResponse(new_state=pack(pinned), private=PRIVATE, legacy_type_system=True)
        if prior is None:
            made = self._world.clone(after["name"], after["extra_config"] or {})
            self._world.note(f"stock: CreateVM_Task {made.name}")
            return self._applied(self._state(made, with_known_disks(made, {**after, "imported": False})))
        found = self._find(prior)
        if found is None:
            raise _FailedError(f'cannot locate virtual machine with UUID "{prior["id"]}"')
        if after is None:
            return self._destroy(found, prior)
        return self._update(found, prior, after)

    def _destroy(self, vm: Vm, prior: Mapping[str, Any]) -> ApplyResponse:
        kept = [disk for disk in prior["disk"] if disk.get("keep_on_remove")]
        if any(not disk.get("device_address") for disk in kept):
            raise _FailedError("error keeping disk: invalid device address")
        if vm.running:
            tools = vm.values["vmware_tools_status"] == "guestToolsRunning"
            self._world.note(f"stock: {'ShutdownGuest' if tools else 'PowerOffVM_Task'} {vm.name}")
        if kept:
            self._world.note(f"stock: ReconfigVM_Task {vm.name} without {', '.join(disk['uuid'] for disk in kept)}")
        self._world.note(f"stock: Destroy_Task {vm.name}")
        self._world.remove(vm)
        return ApplyResponse(new_state=NULL, legacy_type_system=True)

    def _update(self, vm: Vm, prior: Mapping[str, Any], after: Mapping[str, Any]) -> ApplyResponse:
        changed = {name: value for name, value in after.items() if value != prior.get(name)}
        disks = disks_after(vm, after)
        values = {name: value for name, value in changed.items() if name in vm.values and name != "disk"}
        reconfigured = {*values, *({"extra_config"} & changed.keys())} - STATE_ONLY
        if disks != vm.values["disk"]:
            reconfigured.add("disk")
        if reconfigured:
            self._world.note(f"stock: ReconfigVM_Task {vm.name} {', '.join(sorted(reconfigured))}")
        if "tags" in changed:
            self._world.note(f"stock: AttachTag {vm.name}")
        options = {**vm.extra_config, **(after.get("extra_config") or {})}
        vm = self._world.change(vm, values | {"disk": disks}, extra_config=options)
        if vm.name in self.vanishing:
            self._world.remove(vm)
            return ApplyResponse(new_state=NULL, legacy_type_system=True)
        return self._applied(self._state(vm, with_known_disks(vm, after)))

    def _applied(self, state: Mapping[str, Any]) -> ApplyResponse:
        return ApplyResponse(new_state=pack(dict(state)), private=PRIVATE, legacy_type_system=True)


def _require_supported_disks(vm: Vm) -> None:
    if vm.unsupported_disks:
        backing = "*types.VirtualDiskSeSparseBackingInfo"
        raise _FailedError(f"disk.0: unsupported disk type at scsi:0:0 (expected flat VMDK version 2, got {backing})")


def _expression(pattern: str) -> str:
    """Return the regular expression for a path.Match pattern of Go. govmomi's finder treats import ids as patterns."""
    parts = re.findall(r"\\.|\*|\?|\[[^]]*\]|.", pattern)
    wild = {"*": "[^/]*", "?": "[^/]"}
    return "".join(
        part if part[0] == "[" and len(part) > 1 else wild.get(part, re.escape(part.removeprefix("\\")))
        for part in parts
    )


def _failed(method: str, request: bytes, diagnostic: Diagnostic) -> Message:
    match method:
        case "ApplyResourceChange":
            # The SDK returns the planned state of a failed change, which is null for a destroy.
            asked = ApplyRequest.FromString(request)
            state = NULL if unpack(asked.prior_state) is None else asked.planned_state
            return ApplyResponse(new_state=state, private=asked.planned_private, diagnostics=[diagnostic])
        case "ReadResource":
            return ReadResponse(new_state=ReadRequest.FromString(request).current_state, diagnostics=[diagnostic])
        case "PlanResourceChange":
            return PlanResponse(planned_state=PlanRequest.FromString(request).prior_state, diagnostics=[diagnostic])
        case "ImportResourceState":
            return ImportResponse(diagnostics=[diagnostic])
        case "UpgradeResourceState":
            return UpgradeResponse(diagnostics=[diagnostic])
        case _:
            return ValidateResponse(diagnostics=[diagnostic])
