# SPDX-License-Identifier: MPL-2.0
"""Terraform templates for finder patterns that match exactly one name."""

from __future__ import annotations

import re

from cdktf import TerraformLocal

from constructs import Construct
from instant_clone.inventory_names import FINDER_SPECIAL, finder_pattern

__all__ = ["finder_template"]

_REFERENCE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


def finder_template(scope: Construct, template: str, *, local: str) -> str:
    """Return a Terraform template for the pattern that matches exactly the name or inventory path in `template`.

    The stock provider's data sources interpret a name as a pattern (see instant_clone.inventory_names). If `template`
    has no references, the result is the escaped pattern. If it has references, this function adds the local value
    `local` to `scope`, and the result is an expression that escapes the local value at plan time.
    """
    if not _REFERENCE.search(template):
        return finder_pattern(template)
    # A local value holds the template, because cdktf writes a reference inside an expression's string without ${}.
    TerraformLocal(scope, f"{local}.local", template).override_logical_id(local)
    return f'${{replace(local.{local}, "{_SPECIAL}", "{_ESCAPED}")}}'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\")


_SPECIAL = _quoted(f"/{FINDER_SPECIAL}/")
_ESCAPED = _quoted("\\") + "$0"
"""the replacement; $0 is the whole match (Go's Regexp.Expand)"""
