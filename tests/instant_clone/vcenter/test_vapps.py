# SPDX-License-Identifier: MPL-2.0
"""Tests with a source in a vApp, and with clones whose resource pool is a vApp or is in a vApp."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from instant_clone.errors import CloneError, VcenterError
from instant_clone.vcenter.cloning import clone_spec
from instant_clone.vcenter.cloning.clone_task import Cloner, CloneRequest
from instant_clone.vcenter.cloning.dry_run import DryRun
from instant_clone.vcenter.cloning.live_vm import ancestors_of
from instant_clone.vcenter.lookup.source_lookup import look_up
from instant_clone.vcenter.session.connection import Session, connect
from instant_clone.vcenter.session.properties import ReadObject
from instant_clone.vm.record import load, save
from tests.conftest import StartSimulator
from tests.instant_clone.vcenter.conftest import settings_of
from tests.vcsim.client import Client, clone, make_vapp, pool_spec

pytestmark = pytest.mark.simulator


@dataclass(frozen=True)
class World:
    """A simulator with a vApp, a resource pool "inner" in it, and the source "web" in the vApp."""

    client: Client
    session: Session
    app: Any
    inner: Any

    @property
    def source(self) -> Any:
        return self.client.vm("app/web")


@pytest.fixture(scope="module")
def world(start_simulator: StartSimulator) -> Iterator[World]:
    simulator = start_simulator("-source", "web", "-vm", 0)
    with Client(simulator) as client, connect(settings_of(simulator)) as session:
        app = make_vapp(client, "app")
        app.MoveIntoResourcePool([client.vm("web")])
        yield World(client, session, app, app.CreateResourcePool("inner", pool_spec()))


@pytest.fixture
def cloner(world: World) -> Cloner:
    return Cloner(world.session)


def request(pool: Any, name: str) -> CloneRequest:
    return CloneRequest(
        name=name,
        resource_pool_id=pool._moId,
        folder="",
        datastore_id=None,
        interfaces=(),
        extra_config={},
        timeout=5,
    )


@pytest.mark.parametrize("selector", ["web", "app/web", "/DC0/vm/app/web"])
def test_look_up_finds_a_source_in_a_vapp(world: World, selector: str) -> None:
    assert look_up(world.session, selector, datacenter="DC0").inventory_path == "/DC0/vm/app/web"


def test_record_keeps_the_path_of_a_source_in_a_vapp(world: World, tmp_path: Path) -> None:
    source, path = look_up(world.session, "web", datacenter="DC0"), tmp_path / "web.json"
    save(source, path)
    assert load(path) == source


def test_look_up_rejects_a_source_in_a_pool_in_a_vapp(world: World) -> None:
    clone(world.source, "deep", pool=world.inner)
    with pytest.raises(VcenterError) as caught:
        look_up(world.session, "deep", datacenter="DC0")
    assert str(caught.value) == (
        f"/DC0/vm/app/deep: the VM is in the resource pool {world.inner._moId} in a vApp, where the stock provider "
        "does not find it. Move the VM to the vApp itself, or out of the vApp."
    )


def test_dry_run_of_a_clone_in_a_vapp_finds_no_error(world: World, cloner: Cloner) -> None:
    source = cloner.live_vm(world.source.config.uuid)
    assert source.inventory_path == "/DC0/vm/app/web"
    assert cloner.check(source, request(world.app, "checked")) == DryRun()


def test_creates_and_finds_a_clone_in_a_vapp(world: World, cloner: Cloner) -> None:
    wanted = request(world.app, "made")
    made = cloner.clone(cloner.live_vm(world.source.config.uuid), wanted, stopped=lambda: False)

    assert made.inventory_path == cloner.located(made).inventory_path == "/DC0/vm/app/made"
    occupant, namesake = cloner.occupant(wanted), cloner.namesake(wanted)
    assert occupant is not None
    assert (occupant[0].uuid, occupant[0].inventory_path) == (made.uuid, made.inventory_path)
    assert namesake == (made.inventory_path, occupant[1])


def test_name_in_a_vapp_is_free_in_the_folder_of_the_vapp(world: World, cloner: Cloner) -> None:
    clone(world.source, "apart", pool=world.app)
    root = world.client.find("host/DC0_C0/Resources")
    assert (cloner.occupant(request(root, "apart")), cloner.namesake(request(root, "apart"))) == (None, None)


def test_rejects_a_resource_pool_in_a_vapp(world: World, cloner: Cloner) -> None:
    with pytest.raises(CloneError) as caught:
        cloner.has_folder(request(world.inner, "any"))
    assert str(caught.value) == (
        f"Resource pool inner ({world.inner._moId}): is in the vApp app, where the stock provider does not find a "
        "clone. Use a resource pool outside of vApps, or the vApp itself."
    )
    assert (caught.value.summary, caught.value.argument) == ("Invalid resource_pool_id", "resource_pool_id")


def test_rejects_a_vapp_in_an_unreadable_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_folder(*args: Any) -> dict[str, ReadObject]:
        objects = ancestors_of(*args)
        del objects[world.app.parentFolder._moId]
        return objects

    monkeypatch.setattr(clone_spec, "ancestors_of", without_folder)
    with pytest.raises(CloneError) as caught:
        Cloner(world.session).has_folder(request(world.app, "any"))
    assert str(caught.value) == (
        f"Resource pool app ({world.app._moId}): is a vApp whose folder cannot be read. Ask for System.Read on the "
        "folders of the vApp."
    )
