# SPDX-License-Identifier: MPL-2.0
"""Requests to the stock provider, and the check of its responses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from instant_clone.errors import CloneError
from instant_clone.plugin.wire.codec import NULL, pack, unpack
from instant_clone.plugin.wire.tfplugin5 import (
    ApplyRequest,
    ApplyResponse,
    ImportedResource,
    ImportRequest,
    ImportResponse,
    PlanRequest,
    PlanResponse,
    ReadRequest,
    ReadResponse,
)
from instant_clone.plugin.wire.upstream_client import StockClient
from instant_clone.stock_provider.names import FOLDER, VIRTUAL_MACHINE
from testkit.in_process import ProviderService, channel_to, served

UUID = "564d7b1c-0000-4000-8000-000000000007"


class Stock:
    """A stock provider that finds the same VM at every path, and records the requests."""

    def __init__(self, **vm: Any) -> None:
        self.vm: dict[str, Any] = {"uuid": UUID, "moid": "vm-7", "folder": "[Prod] Web"} | vm
        self.requests: list[Any] = []
        self.fails = False

    def answer(self, method: str, request: bytes) -> bytes:
        if method == "ImportResourceState":
            self.requests.append(ImportRequest.FromString(request).id)
            found = ImportedResource(type_name=VIRTUAL_MACHINE, state=pack({"id": self.vm["uuid"]}))
            return ImportResponse(imported_resources=[found]).SerializeToString()
        if method == "ReadResource":
            assert ReadRequest.FromString(request).type_name == VIRTUAL_MACHINE
            return ReadResponse(new_state=pack(self.vm)).SerializeToString()
        if method == "PlanResourceChange":
            plan = PlanRequest.FromString(request)
            self.requests.append([unpack(each) for each in (plan.prior_state, plan.proposed_new_state, plan.config)])
            return PlanResponse(planned_state=plan.proposed_new_state).SerializeToString()
        assert method == "ApplyResourceChange"
        apply = ApplyRequest.FromString(request)
        self.requests.append([unpack(each) for each in (apply.prior_state, apply.planned_state, apply.config)])
        return ApplyResponse(new_state=apply.planned_state if self.fails else pack(self.vm)).SerializeToString()


@contextmanager
def client_of(stock: Stock) -> Iterator[StockClient]:
    with served(ProviderService(stock.answer)) as socket, channel_to(f"unix:{socket}") as channel:
        yield StockClient(channel)


def test_adopt_imports_a_vm_by_an_escaped_path() -> None:
    stock = Stock()
    with client_of(stock) as client:
        imported = client.adopt("/DC0/vm/rack[1-3]/web-0", uuid=UUID.upper(), moid="vm-7", provider_meta=NULL)

    assert imported.state == stock.vm
    assert stock.requests == ["/DC0/vm/rack\\[1-3]/web-0"]


@pytest.mark.parametrize("other", [{"uuid": "564d7b1c-0000-4000-8000-000000000009"}, {"moid": "vm-9"}])
def test_adopt_rejects_another_vm(other: dict[str, str]) -> None:
    with client_of(Stock(**other)) as client, pytest.raises(CloneError) as caught:
        client.adopt("/DC0/vm/web-0", uuid=UUID, moid="vm-7", provider_meta=NULL)

    assert caught.value.summary == "Another virtual machine was imported"
    assert str(caught.value).startswith("/DC0/vm/web-0: the stock provider read the virtual machine vm-")


def test_adopt_rejects_a_vm_deleted_before_the_read() -> None:
    stock = Stock()
    stock.vm = {"uuid": None, "moid": None}
    with client_of(stock) as client, pytest.raises(CloneError):
        client.adopt("/DC0/vm/web-0", uuid=UUID, moid="vm-7", provider_meta=NULL)


@pytest.mark.parametrize("fails", [False, True])
def test_escapes_a_folder_only_for_the_stock_provider(fails: bool) -> None:
    before, after = {"folder": "rack[1-3]"}, {"folder": "[Prod] Web"}
    stock = Stock()
    stock.fails = fails
    with client_of(stock) as client:
        plan = client.plan_change(
            PlanRequest(
                type_name=VIRTUAL_MACHINE, prior_state=pack(before), proposed_new_state=pack(after), config=pack(after)
            )
        )
        request = ApplyRequest(
            type_name=VIRTUAL_MACHINE, prior_state=pack(before), planned_state=plan.planned_state, config=pack(after)
        )
        applied = client.apply_change(request)

    sent = [{"folder": "rack\\[1-3]"}, {"folder": "\\[Prod] Web"}, {"folder": "\\[Prod] Web"}]
    assert stock.requests == [sent, sent]
    assert unpack(plan.planned_state) == after
    assert unpack(applied.new_state)["folder"] == "[Prod] Web"
    assert unpack(request.planned_state) == after


def test_escapes_only_the_parent_of_a_new_folder() -> None:
    wanted = {"path": "team [x]/own *"}
    stock = Stock(path="team [x]/own *")
    with client_of(stock) as client:
        client.plan_change(
            PlanRequest(type_name=FOLDER, prior_state=NULL, proposed_new_state=pack(wanted), config=pack(wanted))
        )
        client.apply_change(
            ApplyRequest(type_name=FOLDER, prior_state=NULL, planned_state=pack(wanted), config=pack(wanted))
        )

    sent = [None, {"path": "team \\[x]/own *"}, {"path": "team \\[x]/own *"}]
    assert stock.requests == [sent, sent]


@pytest.mark.parametrize(
    ("folder", "sent"),
    [("web", "web"), ("./web/", "./web/"), ("./[a]/", "\\[a]"), ("/[a]/b", "\\[a]/b"), ("a/a/b", "a/a/\\b"), ("", "")],
)
def test_normalizes_a_folder_as_the_stock_provider_does(folder: str, sent: str) -> None:
    wanted = {"folder": folder}
    stock = Stock()
    with client_of(stock) as client:
        client.plan_change(
            PlanRequest(
                type_name=VIRTUAL_MACHINE, prior_state=NULL, proposed_new_state=pack(wanted), config=pack(wanted)
            )
        )

    assert stock.requests == [[None, {"folder": sent}, {"folder": sent}]]


@pytest.mark.parametrize(("path", "sent"), [("team [x]/", "team [x]/"), ("[a]/b [c]/", "\\[a]/b [c]"), ("a", "a")])
def test_does_not_escape_the_name_of_a_new_folder(path: str, sent: str) -> None:
    wanted = {"path": path}
    stock = Stock()
    with client_of(stock) as client:
        client.plan_change(
            PlanRequest(type_name=FOLDER, prior_state=NULL, proposed_new_state=pack(wanted), config=pack(wanted))
        )

    assert stock.requests == [[None, {"path": sent}, {"path": sent}]]
