# SPDX-License-Identifier: MPL-2.0
"""What the stock provider is sent, and what is believed of its answers."""

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
        self.asked: list[Any] = []
        self.fails = False

    def answer(self, method: str, request: bytes) -> bytes:
        if method == "ImportResourceState":
            self.asked.append(ImportRequest.FromString(request).id)
            found = ImportedResource(type_name=VIRTUAL_MACHINE, state=pack({"id": self.vm["uuid"]}))
            return ImportResponse(imported_resources=[found]).SerializeToString()
        if method == "ReadResource":
            assert ReadRequest.FromString(request).type_name == VIRTUAL_MACHINE
            return ReadResponse(new_state=pack(self.vm)).SerializeToString()
        if method == "PlanResourceChange":
            plan = PlanRequest.FromString(request)
            self.asked.append([unpack(each) for each in (plan.prior_state, plan.proposed_new_state, plan.config)])
            return PlanResponse(planned_state=plan.proposed_new_state).SerializeToString()
        assert method == "ApplyResourceChange"
        apply = ApplyRequest.FromString(request)
        self.asked.append([unpack(each) for each in (apply.prior_state, apply.planned_state, apply.config)])
        return ApplyResponse(new_state=apply.planned_state if self.fails else pack(self.vm)).SerializeToString()


@contextmanager
def client_of(stock: Stock) -> Iterator[StockClient]:
    with served(ProviderService(stock.answer)) as socket, channel_to(f"unix:{socket}") as channel:
        yield StockClient(channel)


def test_a_vm_is_imported_by_a_path_that_matches_only_itself() -> None:
    stock = Stock()
    with client_of(stock) as client:
        imported = client.adopt("/DC0/vm/rack[1-3]/web-0", uuid=UUID.upper(), moid="vm-7", provider_meta=NULL)

    assert imported.state == stock.vm
    assert stock.asked == ["/DC0/vm/rack\\[1-3]/web-0"]


@pytest.mark.parametrize("other", [{"uuid": "564d7b1c-0000-4000-8000-000000000009"}, {"moid": "vm-9"}])
def test_another_vm_than_the_one_that_was_made_is_not_adopted(other: dict[str, str]) -> None:
    with client_of(Stock(**other)) as client, pytest.raises(CloneError) as caught:
        client.adopt("/DC0/vm/web-0", uuid=UUID, moid="vm-7", provider_meta=NULL)

    assert caught.value.summary == "Another virtual machine was imported"
    assert str(caught.value).startswith("/DC0/vm/web-0: the stock provider read the virtual machine vm-")


def test_a_vm_that_is_gone_before_it_is_read_is_not_adopted() -> None:
    stock = Stock()
    stock.vm = {"uuid": None, "moid": None}
    with client_of(stock) as client, pytest.raises(CloneError):
        client.adopt("/DC0/vm/web-0", uuid=UUID, moid="vm-7", provider_meta=NULL)


@pytest.mark.parametrize("fails", [False, True])
def test_a_folder_is_a_pattern_between_plugin_and_stock_provider_only(fails: bool) -> None:
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
    assert stock.asked == [sent, sent]
    assert unpack(plan.planned_state) == after
    assert unpack(applied.new_state)["folder"] == "[Prod] Web"
    assert unpack(request.planned_state) == after


def test_of_a_folder_to_make_only_the_parent_is_a_pattern() -> None:
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
    assert stock.asked == [sent, sent]


@pytest.mark.parametrize(
    ("folder", "sent"),
    [("web", "web"), ("./web/", "./web/"), ("./[a]/", "\\[a]"), ("/[a]/b", "\\[a]/b"), ("a/a/b", "a/a/\\b"), ("", "")],
)
def test_a_folder_is_cleaned_as_the_stock_provider_would(folder: str, sent: str) -> None:
    wanted = {"folder": folder}
    stock = Stock()
    with client_of(stock) as client:
        client.plan_change(
            PlanRequest(
                type_name=VIRTUAL_MACHINE, prior_state=NULL, proposed_new_state=pack(wanted), config=pack(wanted)
            )
        )

    assert stock.asked == [[None, {"folder": sent}, {"folder": sent}]]


@pytest.mark.parametrize(("path", "sent"), [("team [x]/", "team [x]/"), ("[a]/b [c]/", "\\[a]/b [c]"), ("a", "a")])
def test_the_last_part_of_a_folder_to_make_is_never_a_pattern(path: str, sent: str) -> None:
    wanted = {"path": path}
    stock = Stock()
    with client_of(stock) as client:
        client.plan_change(
            PlanRequest(type_name=FOLDER, prior_state=NULL, proposed_new_state=pack(wanted), config=pack(wanted))
        )

    assert stock.asked == [[None, {"path": sent}, {"path": sent}]]
