# SPDX-License-Identifier: MPL-2.0
"""The clones of a source as a local value of Terraform, which thousands of them do not make slow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import jsii
from cdktf import IStackSynthesizer, ISynthesisSession, TerraformLocal, TerraformStack

from constructs import Construct

__all__ = ["Rows", "add_member_table"]

Rows = Mapping[str, Mapping[str, str]]
"""the clones' names, each with what it has otherwise than the others; all texts are Terraform templates"""

_TOKEN = "${TfToken["  # noqa: S105 - how cdktf writes a reference that it has yet to resolve
_ESCAPES_OF_JSON_ALONE = ("\\b", "\\f")
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def add_member_table(scope: Construct, id_: str, *, name: str, rows: Rows) -> TerraformLocal:
    """The local value `name` with `rows`, of which each stands in a line of its own of the stack's JSON.

    cdktf takes a table apart into its single values, in Python and three times in Node, which costs ten thousand rows
    as much time as an empty app. So it is handed over as one text: an expression that Terraform understands as it
    stands. When cdktf has written the stack, the table takes that text's place, for those who read the JSON. Whatever
    else is done with the stack (another synthesizer, Testing.synth) has the expression, which means the same.
    """
    lines = [
        f"{_quoted(row)}: {{{', '.join([f'{_quoted(key)}: {_quoted(values[key])}' for key in sorted(values)])}}}"
        for row, values in sorted(rows.items())
    ]
    expression = f"${{{{{', '.join(lines)}}}}}"
    if _TOKEN in expression or any(escape in expression for escape in _ESCAPES_OF_JSON_ALONE):
        local = TerraformLocal(scope, id_, {row: dict(values) for row, values in rows.items()})
    else:
        local = TerraformLocal(scope, id_, expression)
        table = ",".join([f"\n      {line}" for line in lines])
        texts = _tables_of(TerraformStack.of(scope)).texts
        texts[f"{_quoted(name)}: {_quoted(expression)}"] = f"{_quoted(name)}: {{{table}\n    }}"
    local.override_logical_id(name)
    return local


def _tables_of(stack: TerraformStack) -> _Tables:
    found = stack.synthesizer
    if not isinstance(found, _Tables):
        found = _Tables(stack, found)
        stack.synthesizer = found
    return found


@jsii.implements(IStackSynthesizer)
class _Tables:
    """Synthesizes a stack as `inner` does, and then puts the tables into its file."""

    def __init__(self, stack: TerraformStack, inner: IStackSynthesizer) -> None:
        self._stack, self._inner = stack, inner
        self.texts: dict[str, str] = {}
        """of the file, and what takes their places"""

    def synthesize(self, session: ISynthesisSession) -> None:
        """Called by cdktf."""
        self._inner.synthesize(session)
        path = Path(session.outdir, session.manifest.for_stack(self._stack).synthesized_stack_path)
        document = path.read_text(encoding="utf-8")
        for written, table in self.texts.items():
            document = document.replace(written, table, 1)
        path.write_text(document, encoding="utf-8")
