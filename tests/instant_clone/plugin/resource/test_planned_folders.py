# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

from instant_clone.plugin.resource.planned_folders import PlannedFolders
from instant_clone.plugin.wire.codec import pack
from instant_clone.plugin.wire.tfplugin5 import PlanRequest


def _planned(*values: object) -> PlannedFolders:
    folders = PlannedFolders()
    for value in values:
        folders.note(PlanRequest(type_name="vsphere_folder", proposed_new_state=pack(value)))
    return folders


def test_contains_a_folder_with_or_without_slashes_around_its_path() -> None:
    folders = _planned({"path": "/web/inner/"}, {"path": "lab"})

    assert ["web/inner" in folders, "web" in folders, "/lab" in folders, "web/inner/more" in folders] == [
        *(True, False, True, False)
    ]


def test_ignores_destroyed_folders_and_missing_paths() -> None:
    folders = _planned(None, {"path": None}, {})

    assert ["" in folders, "web" in folders] == [False, False]
