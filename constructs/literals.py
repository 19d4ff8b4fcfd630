# SPDX-License-Identifier: MPL-2.0
"""Escaping of literal strings for Terraform.

Terraform interprets every string of its configuration as a template, and cdktf writes strings unchanged: `${` begins an
expression and `%{` a directive. Pass strings from a VM or a file through `literal` or `literals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["literal", "literals"]


def literal(text: str) -> str:
    """Return the Terraform template that evaluates to `text`: `${` becomes `$${`, and `%{` becomes `%%{`."""
    # The check saves time: a fleet can have thousands of strings, and most of them contain no brace.
    return text.replace("${", "$${").replace("%{", "%%{") if "{" in text else text


def literals(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return `block` with its string values escaped by `literal`. Other values stay unchanged."""
    return {key: literal(value) if isinstance(value, str) else value for key, value in block.items()}
