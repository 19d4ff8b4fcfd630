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


def test_a_folder_is_known_by_its_path_however_it_is_written() -> None:
    folders = _planned({"path": "/web/inner/"}, {"path": "lab"})

    assert ["web/inner" in folders, "web" in folders, "/lab" in folders, "web/inner/more" in folders] == [
        *(True, False, True, False)
    ]


def test_folders_that_go_and_paths_that_are_not_known_are_none() -> None:
    folders = _planned(None, {"path": None}, {})

    assert ["" in folders, "web" in folders] == [False, False]
