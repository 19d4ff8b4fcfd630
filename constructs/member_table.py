# SPDX-License-Identifier: MPL-2.0
"""A local value with the members of a source, written so that synth stays fast with thousands of clones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import jsii
from cdktf import IStackSynthesizer, ISynthesisSession, TerraformLocal, TerraformStack

from constructs import Construct

__all__ = ["Rows", "add_member_table"]

Rows = Mapping[str, Mapping[str, str]]
"""the clones' names, each with the values that differ between clones; all strings are Terraform templates"""

_TOKEN = "${TfToken["  # noqa: S105 - cdktf's prefix of an unresolved reference
_ESCAPES_OF_JSON_ALONE = ("\\b", "\\f")
_quoted = json.JSONEncoder(ensure_ascii=False).encode


def add_member_table(scope: Construct, id_: str, *, name: str, rows: Rows) -> TerraformLocal:
    """Add the local value `name` with `rows`, and write each row on one line of the stack's JSON.

    cdktf processes each value of a map separately, in Python once and in Node three times. For ten thousand rows this
    takes as much time as the synth of an empty app. This function therefore passes the whole map to cdktf as one string
    with an equivalent Terraform expression. After cdktf has written the stack, a synthesizer replaces the string in the
    JSON with the readable map. If another synthesizer or Testing.synth writes the stack, the JSON keeps the expression.
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
        stack = TerraformStack.of(scope)
        if not isinstance(stack.synthesizer, _Tables):
            stack.synthesizer = _Tables(stack, stack.synthesizer)
        stack.synthesizer.texts[f"{_quoted(name)}: {_quoted(expression)}"] = f"{_quoted(name)}: {{{table}\n    }}"
    local.override_logical_id(name)
    return local


@jsii.implements(IStackSynthesizer)
class _Tables:
    """A synthesizer that calls `inner` and then replaces the expressions in the stack's file with readable maps."""

    def __init__(self, stack: TerraformStack, inner: IStackSynthesizer) -> None:
        self._stack, self._inner = stack, inner
        self.texts: dict[str, str] = {}
        """the strings in the stack's file, each with its replacement"""

    def synthesize(self, session: ISynthesisSession) -> None:
        """Write the stack's file. cdktf calls this method."""
        self._inner.synthesize(session)
        path = Path(session.outdir, session.manifest.for_stack(self._stack).synthesized_stack_path)
        document = path.read_text(encoding="utf-8")
        for written, table in self.texts.items():
            document = document.replace(written, table, 1)
        path.write_text(document, encoding="utf-8")
