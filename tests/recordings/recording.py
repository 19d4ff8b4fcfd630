# SPDX-License-Identifier: MPL-2.0
"""Recordings of the stock provider's responses: record a release, save and load its recording, and replay it."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf.message import Message

from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
    Schema,
)
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.plugin.wire.upstream_process import SERVICE
from instant_clone.stock_provider.names import VIRTUAL_MACHINE
from instant_clone.stock_provider.releases import ProviderVersion
from instant_clone.vm.differences import differences
from testkit.in_process import indifferent, only_resource, schema_of
from tests.recordings.identifiers import Identifiers
from tests.recordings.messages import as_json, as_message

__all__ = ["RELEASES", "Call", "ChangeError", "NotRecordedError", "Recorder", "Recording", "Replay", "folder_of"]


_RECORDED: dict[str, tuple[type[Message], type[Message]]] = {
    "ImportResourceState": (ImportRequest, ImportResponse),
    "PlanResourceChange": (PlanRequest, PlanResponse),
    "ReadResource": (ReadRequest, ReadResponse),
}
_SCHEMA, _CALLS = "schema.json", "calls.json.gz"
RELEASES = tuple(sorted(ProviderVersion(path.parent.name) for path in Path(__file__).parent.glob(f"*/{_SCHEMA}")))
"""the recorded releases, oldest first"""


def folder_of(release: ProviderVersion) -> Path:
    """Return the folder of the release's recording."""
    return Path(__file__).parent / str(release)


class NotRecordedError(Exception):
    """The plugin sent a request to the stock provider that is not part of the recording."""


class ChangeError(Exception):
    """The plugin sent ApplyResourceChange to the stock provider, but no step of the story requires a change."""

    def __init__(self, request: bytes) -> None:
        asked = as_json(ApplyRequest.FromString(request))
        lines = [
            f"  {each.path}: {json.dumps(each.before)} → {json.dumps(each.after)}"
            for each in differences(asked["prior_state"], asked["planned_state"])
        ]
        super().__init__("ApplyResourceChange: the plugin asks the stock provider to change a VM:\n" + "\n".join(lines))


@dataclass
class Call:
    """A request and its responses in order. A request that was sent several times can have several responses."""

    method: str
    asked: Any
    answers: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, method: str, request: bytes, identifiers: Identifiers) -> Self:
        """Return a call for `request`. Omit null fields, because null and omitted fields are equivalent."""
        asks, _ = _RECORDED[method]
        asked = identifiers.named(as_json(asks.FromString(request)))
        return cls(method, {name: value for name, value in asked.items() if value is not None})

    @property
    def key(self) -> str:
        """Return a string that is equal for equal requests."""
        return json.dumps([self.method, self.asked], sort_keys=True)


@dataclass(frozen=True)
class Recording:
    """The resource's schema and the recorded calls."""

    schema: Schema
    calls: list[Call]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the recording in `folder`."""
        schema = as_message(Schema, json.loads((folder / _SCHEMA).read_text()))
        calls = json.loads(gzip.decompress((folder / _CALLS).read_bytes()))
        return cls(schema, [Call(each["method"], each["asked"], each["answers"]) for each in calls])

    def save(self, folder: Path) -> None:
        """Write the recording to `folder`. The bytes do not depend on the order of the calls."""
        folder.mkdir(exist_ok=True)
        (folder / _SCHEMA).write_text(
            json.dumps(_without_descriptions(as_json(self.schema)), indent=1, sort_keys=True) + "\n"
        )
        calls = [vars(call) for call in sorted(self.calls, key=lambda call: call.key)]
        text = json.dumps(calls, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        (folder / _CALLS).write_bytes(gzip.compress(text.encode(), mtime=0))


class Recorder:
    """A proxy that forwards requests to the stock provider and records them with their responses."""

    def __init__(self, stock: grpc.Channel) -> None:
        self._channel = stock
        self._stock = StockClient(stock)
        self._passed: list[tuple[str, bytes, bytes]] = []
        self._lock = threading.Lock()

    def answer(self, method: str, request: bytes) -> bytes:
        """Return the stock provider's response (see ProviderService), and record it. Raise ChangeError for a change."""
        if method == "ApplyResourceChange":
            raise ChangeError(request)
        answer = self._stock.forward(SERVICE + method, request)
        if method in _RECORDED:
            with self._lock:
                self._passed.append((method, request, answer))
        return answer

    def recording(self, identifiers: Identifiers) -> Recording:
        """Return the recording, with names instead of the identifiers of the simulator."""
        calls: dict[str, Call] = {}
        for method, request, answer in self._passed:
            call = Call.of(method, request, identifiers)
            _, answers = _RECORDED[method]
            calls.setdefault(call.key, call).answers.append(identifiers.named(as_json(answers.FromString(answer))))
        for call in calls.values():
            call.answers = _without_repetitions(call.answers)
        return Recording(schema_of(self._channel, VIRTUAL_MACHINE), list(calls.values()))


class Replay:
    """A replacement of the stock provider that returns the recorded responses."""

    def __init__(self, recording: Recording, identifiers: Identifiers) -> None:
        self._schema = recording.schema
        self._identifiers = identifiers
        self._calls = {call.key: Call(call.method, call.asked, list(call.answers)) for call in recording.calls}
        self._lock = threading.Lock()

    def answer(self, method: str, request: bytes) -> bytes:
        """Return the recorded response (see ProviderService). Raise ChangeError or NotRecordedError."""
        if method == "ApplyResourceChange":
            raise ChangeError(request)
        if method == "GetSchema":
            return only_resource(VIRTUAL_MACHINE, self._schema)
        if method not in _RECORDED:
            return indifferent(method, request)
        with self._lock:
            if method == "ImportResourceState":
                self._identifiers.look_at(ImportRequest.FromString(request).id)
            asked = Call.of(method, request, self._identifiers)
            call = self._calls.get(asked.key)
            if call is None:
                raise NotRecordedError(_differences_message(asked, self._calls.values()))
            answer = call.answers[0] if len(call.answers) == 1 else call.answers.pop(0)
            _, answers = _RECORDED[method]
            return as_message(answers, self._identifiers.identified(answer)).SerializeToString()


def _differences_message(asked: Call, calls: Iterable[Call]) -> str:
    """Return a message with the differences between `asked` and the most similar recorded call."""
    found = [differences(call.asked, asked.asked) for call in calls if call.method == asked.method]
    if not found:
        return f"{asked.method}: no request is recorded. The request was {json.dumps(asked.asked)}"
    lines = [
        f"  {each.path}: recorded {json.dumps(each.before)}, requested {json.dumps(each.after)}"
        for each in min(found, key=len)
    ]
    return (
        f"{asked.method}: the request is not recorded. Differences from the most similar recorded request:\n"
        + "\n".join(lines)
        + "\nIf the new request is correct, record the release again. See tests/recordings/README.md."
    )


def _without_repetitions(answers: list[Any]) -> list[Any]:
    """Return the responses without repetitions at the end."""
    while len(answers) > 1 and answers[-1] == answers[-2]:
        answers = answers[:-1]
    return answers


def _without_descriptions(schema: Any) -> Any:
    """Return a schema's JSON without descriptions."""
    if isinstance(schema, list):
        return [_without_descriptions(each) for each in schema]
    if isinstance(schema, dict):
        return {key: _without_descriptions(each) for key, each in schema.items() if key != "description"}
    return schema
