# SPDX-License-Identifier: MPL-2.0
"""Data in Terraform's templates."""

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
def test_what_would_begin_an_expression_or_a_directive_is_doubled(text: str, template: str) -> None:
    assert literal(text) == template


def test_only_the_texts_of_a_block_change() -> None:
    block = {"annotation": "${x}", "num_cpus": 2, "enable_logging": True}
    assert literals(block) == {"annotation": "$${x}", "num_cpus": 2, "enable_logging": True}
