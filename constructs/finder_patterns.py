"""Names that a data source is to find exactly, as Terraform templates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from instant_clone.inventory_names import FINDER_SPECIAL, finder_pattern

__all__ = ["finder_template"]

_OPENING = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


def finder_template(template: str) -> str:
    """Return the template of the pattern that finds the object whose name, or path, `template` stands for.

    The stock provider's data sources take a name for a pattern (see instant_clone.inventory_names). A template without
    references becomes the pattern itself; of one with references, Terraform makes the pattern at plan time.
    """
    parts = list(_parts(template))
    if not any(is_reference for is_reference, _ in parts):
        return finder_pattern(template)
    text = "".join(part if is_reference else _quoted(part) for is_reference, part in parts)
    return f'${{replace("{text}", "{_SPECIAL}", "{_ESCAPED}")}}'


def _parts(template: str) -> Iterator[tuple[bool, str]]:
    """Split a template into texts and, marked with True, its expressions and directives."""
    at = 0
    while found := _OPENING.search(template, at):
        if found.start() > at:
            yield False, template[at : found.start()]
        at = _end(template, found.end())
        yield True, template[found.start() : at]
    if at < len(template):
        yield False, template[at:]


def _end(template: str, at: int) -> int:
    """Return where the expression ends whose inside begins at `at`: behind its closing brace."""
    inside = ["{"]  # the braces and quotes that are open
    while inside and at < len(template):
        character = template[at]
        if inside[-1] == '"':
            if character == "\\":
                at += 1
            elif character == '"':
                inside.pop()
            elif opening := _OPENING.match(template, at):
                inside.append("{")
                at = opening.end() - 1
        elif character in '{"':
            inside.append(character)
        elif character == "}":
            inside.pop()
        at += 1
    return at


def _quoted(text: str) -> str:
    """Return a part of a JSON template as it stands in a quoted template of an expression."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


_SPECIAL = _quoted(f"/{FINDER_SPECIAL}/")
_ESCAPED = _quoted("\\") + "$0"
"""the replacement, in which $0 is the match (Go's Regexp.Expand)"""
