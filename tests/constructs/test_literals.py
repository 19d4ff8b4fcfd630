# SPDX-License-Identifier: MPL-2.0
"""Tests of the escaping of literal strings."""

from __future__ import annotations

import pytest

from constructs.literals import literal, literals


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("web-00", "web-00"),
        ("costs $5 or 10%", "costs $5 or 10%"),
        ("${var.x}", "$${var.x}"),
        ("$${var.x}", "$$${var.x}"),
        ("%{ if true }", "%%{ if true }"),
        ("%${x}", "%$${x}"),
        ("${ ${ %{", "$${ $${ %%{"),
        ("{x} $ {", "{x} $ {"),
    ],
)
def test_escapes_expressions_and_directives(text: str, template: str) -> None:
    assert literal(text) == template


def test_escapes_only_the_strings_of_a_block() -> None:
    block = {"annotation": "${x}", "num_cpus": 2, "enable_logging": True}
    assert literals(block) == {"annotation": "$${x}", "num_cpus": 2, "enable_logging": True}
