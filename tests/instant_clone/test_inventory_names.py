# SPDX-License-Identifier: MPL-2.0
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instant_clone.inventory_names import (
    finder_pattern,
    managed_object_id,
    matched_path,
    plain_name,
    stored_name,
    stored_path,
)

STORED = st.text().map(stored_name)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a%2fb", "a/b"), ("a%2Fb", "a/b"), ("100%25", "100%"), ("100%", "100%"), ("a%5cb", "a\\b"), ("a%252fb", "a%2fb")],
)
def test_plain_name_replaces_escapes(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@given(st.text())
def test_plain_name_reverses_stored_name(name: str) -> None:
    assert plain_name(stored_name(name)) == name


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("web/blue", "web/blue"),
        ("50% off", "50%25 off"),
        ("50%25 off", "50%25 off"),
        ("a%2Fb/c", "a%2Fb/c"),
        ("a\\b", "a%5cb"),
        ("100%2525", "100%2525"),
    ],
)
def test_stored_path_escapes_special_characters(written: str, stored: str) -> None:
    assert stored_path(written) == stored


@given(STORED)
def test_stored_path_keeps_a_stored_path(path: str) -> None:
    assert stored_path(path) == path


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("DC0_C0/Resources", "DC0_C0/Resources"),
        ("VM Network", "VM Network"),
        ("[Prod] Web", "\\[Prod] Web"),
        ("/DC0/vm/rack[1-3]/a*b?", "/DC0/vm/rack\\[1-3]/a\\*b\\?"),
        ("a\\b", "a\\\\b"),
        (".hidden/x", "\\.hidden/x"),
        ("a/.hidden", "a/.hidden"),
        ("network-12", "\\network-12"),
        ("domain-c8", "\\domain-c8"),
        ("vm-network", "vm-network"),
        ("network-12/x", "network-12/x"),
        ("Network:network-12", "\\Network:network-12"),
        ("http: a", "http: a"),
        ("/DC0/vm/a/b/x", "/DC0/vm/a/b/x"),
        ("/DC0/vm/a/a/x", "/DC0/vm/a/a/\\x"),
        ("/DC0/vm/a/b/a/b/x", "/DC0/vm/a/b/a/b/\\x"),
        ("/DC0/vm/vm/web-0", "/DC0/vm/vm/\\web-0"),
        ("/DC0/vm/a/a/[x]", "/DC0/vm/a/a/\\[x]"),
        ("host/Resources", "host/\\Resources"),
        ("C/host/x", "C/host/\\x"),
    ],
)
def test_pattern_escapes_text_that_the_finder_interprets(path: str, pattern: str) -> None:
    assert finder_pattern(path) == pattern


@given(STORED)
def test_matched_path_reverses_finder_pattern(path: str) -> None:
    assert matched_path(finder_pattern(path)) == path


@given(STORED)
def test_pattern_has_no_unescaped_special_characters(path: str) -> None:
    assert re.search(r"[*?\[]", re.sub(r"\\.", "", finder_pattern(path), flags=re.DOTALL)) is None


@pytest.mark.parametrize(
    ("text", "moid"),
    [("moid:network-12", "network-12"), ("VM Network", None), ("lab/moid:network-12", None), ("moid:", None)],
)
def test_managed_object_id_begins_with_moid(text: str, moid: str | None) -> None:
    assert managed_object_id(text) == moid
