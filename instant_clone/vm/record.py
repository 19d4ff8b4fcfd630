# SPDX-License-Identifier: MPL-2.0
"""Records: look-ups saved as JSON, so that synthesis needs no vCenter and a changed source shows in review."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from instant_clone.errors import Finding, RecordError
from instant_clone.vm.differences import Difference, shown
from instant_clone.vm.differences import differences as tree_differences
from instant_clone.vm.source_vm import SourceVm

__all__ = ["SCHEMA", "differences", "dump", "is_there", "listed", "load", "save"]

SCHEMA = 1
"""version of the records that this release reads and writes"""

CURE = "Run `instant-clone record` to look the source up and write the record anew."


_MOST_LISTED = 20
_LONGEST_VALUE = 70


def load(path: Path) -> SourceVm:
    """The source that the record at `path` holds.

    Raises RecordError, with all findings, if there is no such file, or it is not JSON, of another schema version or
    not a source.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise RecordError(Finding(str(path), "there is no such record.", CURE)) from None
    except OSError as error:
        raise RecordError(Finding(str(path), f"the record cannot be read: {error.strerror}.")) from error
    # ValueError: also what is not UTF-8, or a number of more digits than Python reads. RecursionError: "[[[[…".
    except (ValueError, RecursionError) as error:
        raise RecordError(Finding(str(path), f"the record is not JSON: {error}.", CURE)) from error
    if not isinstance(document, dict) or "schema" not in document:
        raise RecordError(Finding(str(path), "this is no record of a source.", CURE))
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        raise RecordError(
            Finding(
                str(path),
                f"the record is of schema {document['schema']!r}, and this release of instant-clone reads {SCHEMA}.",
                CURE,
            )
        )
    if document.keys() != {"schema", "source"}:
        raise RecordError(Finding(str(path), 'a record has "schema" and "source", and nothing else.', CURE))
    return _source(document["source"], path)


def is_there(path: Path) -> bool:
    """Whether there is anything at `path`, be it a record that can be read or not."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        # Reading it says what is wrong.
        return True
    return True


def dump(source: SourceVm) -> str:
    """The record of `source` as JSON, the same for the same source. What vCenter leaves unset is left out."""
    document = {"schema": SCHEMA, "source": _document(source)}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def save(source: SourceVm, path: Path) -> None:
    """Write the record of `source`, and its folder if need be. Whoever reads meanwhile sees the old one or the new.

    Raises RecordError if the folder or the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(dump(source))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            # The reason is the first error, not what removing the file says about the same path.
            with contextlib.suppress(OSError, ValueError):
                temporary.unlink()
            raise
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or error
        what = f"the record cannot be written: {reason}."
        raise RecordError(Finding(str(path), what, "See that its folder may be written.")) from error


def differences(recorded: SourceVm, found: SourceVm) -> tuple[Difference, ...]:
    """What a look-up has found to differ from a record; nothing exactly if `dump` gives the same for both."""
    return tuple(tree_differences(_document(recorded), _document(found)))


def listed(found: Sequence[Difference]) -> str:
    """Differences for a person: a line for each of the first 20, indented, and how many more there are."""
    lines = [f"  {each.path}: {_shown(each.before)} → {_shown(each.after)}" for each in found[:_MOST_LISTED]]
    if len(found) > _MOST_LISTED:
        lines.append(f"  and {len(found) - _MOST_LISTED} more")
    return "\n".join(lines)


def _shown(value: object) -> str:
    return "unset" if value is None else shown(value, longest=_LONGEST_VALUE)


def _document(source: SourceVm) -> dict[str, Any]:
    return source.model_dump(mode="json", exclude_none=True)


def _source(document: Any, path: Path) -> SourceVm:
    try:
        # JSON and strict: a list is a tuple, but "2" is no number.
        return SourceVm.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise RecordError(
            *(
                Finding(str(path), f"{'.'.join(map(str, ('source', *each['loc'])))}: {each['msg']}.", CURE)
                for each in error.errors(include_url=False)
            )
        ) from None
