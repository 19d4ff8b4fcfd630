# SPDX-License-Identifier: MPL-2.0
"""Compare the state that the plugin proposes to the stock provider with the state that real Terraform proposes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from instant_clone.plugin.wire.codec import is_unknown, unpack
from instant_clone.plugin.wire.tfplugin5 import PlanRequest, Schema
from instant_clone.plugin.wire.upstream_client import proposed_new
from instant_clone.stock_provider.names import VIRTUAL_MACHINE
from instant_clone.vm.differences import differences
from testkit.generated_resources import ResourceCase, resource_cases
from testkit.in_process import ProviderService, reattached, running_stock, schema_of, served
from testkit.recording_provider import PlanRecorder
from testkit.stock import StockProvider
from tests.e2e.terraform import Terraform, clean_environment

SOURCE = "recorded.internal/tests/vsphere"
CASES = 100
SEED = 11
CASES_OF_ONE_RUN = 200
"""The number of cases in one Terraform run. Terraform holds all cases of a run in memory."""


@pytest.fixture(scope="module")
def schema(stock: StockProvider) -> Schema:
    with running_stock(stock.path) as channel:
        return schema_of(channel, VIRTUAL_MACHINE)


def planned(cases: dict[str, ResourceCase], schema: Schema, folder: Path) -> list[PlanRequest]:
    """Return the plan requests that Terraform sends for all cases.

    Each case is a resource, and its configured `name` is the key of the case.
    """
    configuration = folder / "terraform.rc"
    folder.mkdir()
    configuration.touch()
    terraform = Terraform(folder / "cases", clean_environment(folder, configuration))
    terraform.write(
        {
            "terraform": {"required_providers": {"vsphere": {"source": SOURCE}}},
            "resource": {
                "terraform_data": {"later": {}},
                VIRTUAL_MACHINE: {key: {**case.body, "name": key} for key, case in cases.items()},
            },
        }
    )
    state: dict[str, Any] = {
        "version": 4,
        "terraform_version": "1.5.0",
        "serial": 1,
        "lineage": "generated",
        "resources": [
            {
                "mode": "managed",
                "type": VIRTUAL_MACHINE,
                "name": key,
                "provider": f'provider["{SOURCE}"]',
                "instances": [{"schema_version": schema.version, "attributes": case.prior}],
            }
            for key, case in cases.items()
            if case.prior is not None
        ],
    }
    (terraform.folder / "terraform.tfstate").write_text(json.dumps(state))
    recorder = PlanRecorder(VIRTUAL_MACHINE, schema)
    with served(ProviderService(recorder.answer)) as socket:
        terraform.run("plan", "-refresh=false", "-lock=false", **reattached(SOURCE, socket)).require()
    return recorder.plans


def compare_with_terraform(count: int, schema: Schema, folder: Path) -> None:
    cases = resource_cases(schema.block, count=count, seed=SEED)
    keyed = {f"case-{number}": case for number, case in enumerate(cases)}
    keys = list(keyed)
    plans: list[PlanRequest] = []
    for start in range(0, len(keys), CASES_OF_ONE_RUN):
        chosen = {key: keyed[key] for key in keys[start : start + CASES_OF_ONE_RUN]}
        plans += planned(chosen, schema, folder / f"from-{start}")
    wrong, seen = {}, set()
    for request in plans:
        prior, config = unpack(request.prior_state), unpack(request.config)
        seen.add(config["name"])
        different = differences(
            unpack(request.proposed_new_state), proposed_new(schema.block, prior, config), blocks_only=True
        )
        if different:
            wrong[config["name"]] = different
    assert seen == keyed.keys()
    assert wrong == {}
    assert kinds_of_cases(plans) >= {"new", "more disks", "fewer disks", "as many disks", "disks not known"}


def kinds_of_cases(plans: list[PlanRequest]) -> set[str]:
    """Return the kinds of cases among the requests. If a kind is missing, the comparison does not test it."""
    found = set()
    for request in plans:
        prior, disks = unpack(request.prior_state), unpack(request.config)["disk"]
        if prior is None:
            found.add("new")
        elif is_unknown(disks):
            found.add("disks not known")
        elif len(disks) == len(prior["disk"]):
            found.add("as many disks")
        else:
            found.add("more disks" if len(disks) > len(prior["disk"]) else "fewer disks")
    return found


def test_proposes_the_same_state_as_terraform(schema: Schema, tmp_path: Path) -> None:
    compare_with_terraform(CASES, schema, tmp_path)


@pytest.mark.long
def test_proposes_the_same_state_as_terraform_for_many_cases(schema: Schema, tmp_path: Path) -> None:
    compare_with_terraform(int(os.environ.get("INSTANT_CLONE_CASES") or 2000), schema, tmp_path)
