# SPDX-License-Identifier: MPL-2.0
"""Tests of inventory paths and of answers that vCenter splits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from pyVmomi import vim, vmodl

from instant_clone.vcenter.session.properties import ReadObject, retrieve

Collector = vmodl.query.PropertyCollector

ROOT = ReadObject(vim.Folder("group-d1"), {"name": "Datacenters"})
DATACENTER = ReadObject(vim.Datacenter("datacenter-2"), {"name": "DC0", "parent": ROOT.object})
VM_FOLDER = ReadObject(vim.Folder("group-v3"), {"name": "vm", "parent": DATACENTER.object})
IN_FOLDER = ReadObject(vim.VirtualMachine("vm-9"), {"name": "a%2fb", "parent": VM_FOLDER.object})
APP = ReadObject(vim.VirtualApp("resgroup-v5"), {"name": "app", "parentFolder": VM_FOLDER.object})
INNER_APP = ReadObject(vim.VirtualApp("resgroup-v6"), {"name": "inner", "parentVApp": APP.object})
IN_APP = ReadObject(vim.VirtualMachine("vm-8"), {"name": "web", "parentVApp": INNER_APP.object})


def _path(machine: ReadObject, *others: ReadObject) -> str | None:
    return replace(machine, others={each.id: each for each in others}).path


def test_path_has_no_root_folder() -> None:
    assert _path(IN_FOLDER, ROOT, VM_FOLDER, DATACENTER) == "/DC0/vm/a%2fb"


def test_path_contains_the_vapps_of_a_vm() -> None:
    assert _path(IN_APP, INNER_APP, APP, VM_FOLDER, DATACENTER, ROOT) == "/DC0/vm/app/inner/web"


def test_path_is_none_with_an_unreadable_parent() -> None:
    assert _path(IN_FOLDER, VM_FOLDER, ROOT) is None
    assert _path(IN_FOLDER) is None


class _SplitAnswers:
    """A property collector that returns one object per answer, as vCenter may."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def RetrievePropertiesEx(self, *_: object) -> Collector.RetrieveResult:  # noqa: N802 - the API's name
        self.calls.append("first")
        return self._page("vm-1", token="more")

    def ContinueRetrievePropertiesEx(self, token: str) -> Collector.RetrieveResult:  # noqa: N802 - the API's name
        self.calls.append(token)
        return self._page("vm-2", token=None)

    def _page(self, moid: str, *, token: str | None) -> Collector.RetrieveResult:
        content = Collector.ObjectContent(
            obj=vim.VirtualMachine(moid), propSet=[vmodl.DynamicProperty(name="name", val=f"name of {moid}")]
        )
        return Collector.RetrieveResult(objects=[content], token=token)


def test_reads_all_parts_of_a_split_answer() -> None:
    collector = _SplitAnswers()
    found = retrieve(
        cast(Any, collector),
        vim.Folder("group-v3"),
        [Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
    )
    assert [(each.id, each.properties) for each in found.values()] == [
        ("vm-1", {"name": "name of vm-1"}),
        ("vm-2", {"name": "name of vm-2"}),
    ]
    assert collector.calls == ["first", "more"]
