"""Records: look-ups saved as JSON, so that synthesis needs no vCenter and a changed source shows in review."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from instant_clone.errors import Finding, RecordError
from instant_clone.source import SourceVm

__all__ = ["SCHEMA", "dump", "load", "save"]

SCHEMA = 1
"""version of the records that this release reads and writes"""

CURE = "Run `instant-clone record` to look the source up and write the record anew."


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
    if document["schema"] != SCHEMA:
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


def dump(source: SourceVm) -> str:
    """The record of `source` as JSON, the same for the same source. What vCenter leaves unset is left out."""
    document = {"schema": SCHEMA, "source": source.model_dump(mode="json", exclude_none=True)}
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
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise RecordError(
            Finding(
                str(path), f"the record cannot be written: {error.strerror}.", "See that its folder may be written."
            )
        ) from error


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
