# SPDX-License-Identifier: MPL-2.0
"""Terraform templates of patterns that match one name exactly."""

from __future__ import annotations

import re

from cdktf import TerraformLocal

from constructs import Construct
from instant_clone.inventory_names import FINDER_SPECIAL, finder_pattern

__all__ = ["finder_template"]

_REFERENCE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


def finder_template(scope: Construct, template: str, *, local: str) -> str:
    """Return the template of the pattern that finds exactly the object named by `template`, a name or a path.

    The stock provider's data sources take a name for a pattern (see instant_clone.inventory_names). A template without
    references becomes the pattern itself. One with references becomes a local value of the name `local` in `scope`, of
    which Terraform makes the pattern at plan time.
    """
    if not _REFERENCE.search(template):
        return finder_pattern(template)
    # cdktf resolves a reference in a string that stands in an expression to the bare name, without its braces.
    TerraformLocal(scope, f"{local}.local", template).override_logical_id(local)
    return f'${{replace(local.{local}, "{_SPECIAL}", "{_ESCAPED}")}}'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\")


_SPECIAL = _quoted(f"/{FINDER_SPECIAL}/")
_ESCAPED = _quoted("\\") + "$0"
"""the replacement, in which $0 is the match (Go's Regexp.Expand)"""
