# SPDX-License-Identifier: MPL-2.0
"""Text that Terraform is to take as it stands.

Every string of a Terraform configuration is a template, and cdktf hands it on as one: `${` begins an expression and
`%{` a directive. What comes from a VM or a file is data, and goes through `literal` or `literals` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["literal", "literals"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def literal(text: str) -> str:
    """The template that stands for `text`: `${` as `$${`, and `%{` as `%%{`."""
    # Most texts have no brace, and there may be thousands.
    return text.replace("${", "$${").replace("%{", "%%{") if "{" in text else text


def literals(block: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    """`block` with the texts among its values as `literal` makes them; other values stay."""
    return {key: _literal(value) for key, value in block.items()}


def _literal(value: _Value) -> _Value:
    return type(value)(literal(value)) if isinstance(value, str) else value
