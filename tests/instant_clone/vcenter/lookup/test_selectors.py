# SPDX-License-Identifier: MPL-2.0
"""Tests of the parsing of `vm` in fleets.toml."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.errors import NotFoundError
from instant_clone.vcenter.lookup.selectors import selector
from tests.instant_clone.replica.replica_layouts import default


@pytest.mark.parametrize(
    ("vm", "kind", "value"),
    [
        ("golden-web", "name", "golden-web"),
        ("golden web (2)", "name", "golden web (2)"),
        ("a%2fb", "name", "a%2fb"),
        ("web: the new one", "name", "web: the new one"),
        ("images/golden", "path", "/DC0/vm/images/golden"),
        ("/DC0/vm/golden", "path", "/DC0/vm/golden"),
        ("/DC0//vm/golden/", "path", "/DC0/vm/golden"),
        ("DC0/vm/images/golden", "path", "/DC0/vm/images/golden"),
        ("vm/golden", "path", "/DC0/vm/vm/golden"),
        ("DC0/golden", "path", "/DC0/vm/DC0/golden"),
        ("/DC1/vm/uuid:golden", "path", "/DC1/vm/uuid:golden"),
        ("uuid:564D7B1C-0000-0000-0000-00000000000a", "uuid", "564d7b1c-0000-0000-0000-00000000000a"),
        ("UUID:564d7b1c-0000-0000-0000-00000000000a", "name", "UUID:564d7b1c-0000-0000-0000-00000000000a"),
        ("moid:vm-42", "moid", "vm-42"),
    ],
)
def test_selector_accepts_name_path_uuid_and_moid(vm: str, kind: str, value: str) -> None:
    found = selector(vm, datacenter="DC0")
    assert (found.kind, found.value, found.datacenter) == (kind, value, "/DC0")


@pytest.mark.parametrize("datacenter", ["/europe/DC0", "europe/DC0", "/europe/DC0/"])
def test_datacenter_in_a_folder_needs_its_path(datacenter: str) -> None:
    found = selector("golden/web", datacenter=datacenter)
    assert (found.value, found.datacenter) == ("/europe/DC0/vm/golden/web", "/europe/DC0")


@pytest.mark.parametrize("vm", ["uuid:", "uuid:564d", "uuid:golden-web"])
def test_rejects_a_malformed_uuid(vm: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        selector(vm, datacenter="DC0")
    assert str(caught.value) == (
        f'{vm}: the UUID is malformed. Use the form "uuid:564d7b1c-0000-0000-0000-000000000001".'
    )


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_gives_a_selector_or_a_not_found_error(vm: str, datacenter: str) -> None:
    if vm.startswith("uuid:"):
        with suppress(NotFoundError):
            assert selector(vm, datacenter=datacenter).kind == "uuid"
    else:
        found = selector(vm, datacenter=datacenter)
        assert found.kind in ("name", "moid") or found.value.startswith("/")


@pytest.mark.parametrize(
    ("vm", "matches"),
    [
        ("golden-web", True),
        ("goldn-web", False),
        ("/DC0/vm/golden-web", True),
        ("images/golden-web", False),
        ("uuid:265104de-1472-547c-b873-6dc7883fb6cb", True),
        ("uuid:564d7b1c-0000-0000-0000-00000000000a", False),
        ("moid:vm-42", True),
    ],
)
def test_may_be_compares_the_selector_with_a_record(vm: str, matches: bool) -> None:
    machine = default(
        name="golden-web", inventory_path="/DC0/vm/golden-web", uuid="265104de-1472-547c-b873-6dc7883fb6cb"
    )
    assert selector(vm, datacenter="DC0").may_be(machine) is matches
