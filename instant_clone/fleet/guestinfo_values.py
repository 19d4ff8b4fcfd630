# SPDX-License-Identifier: MPL-2.0
"""Guestinfo values: patterns with placeholders, texts without placeholders, files, and the encodings of a value."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Tag, model_validator

from instant_clone.errors import Finding
from instant_clone.fleet.control_characters import control_character
from instant_clone.fleet.field_types import Frozen, RelativePath, problem
from instant_clone.fleet.gzip_encoding import gzip_bytes
from instant_clone.fleet.patterns import GuestinfoPattern, escaped, fill

__all__ = [
    "VALUE_TAGS",
    "Encoding",
    "GuestinfoTable",
    "GuestinfoValue",
    "encoding_of",
    "filled",
    "pattern_of",
    "read_file",
]

Encoding = Literal["base64", "gzip+base64"]
"""The encodings that cloud-init's data source VMware accepts in guestinfo.userdata.encoding."""
_ENCODE_IT = 'a table with encoding = "base64"'
_BYTES = "surrogateescape"
"""The error handler of Python that keeps bytes that are not UTF-8 in a string."""


class GuestinfoTable(Frozen):
    """A guestinfo value that is a table. It has exactly one of the keys text, file and pattern."""

    text: str | None = None
    """The guest reads this text. Braces have no special meaning."""
    file: RelativePath | None = None
    """The guest reads the content of this file, relative to the folder of the fleet file. Braces have no special
    meaning. Without an encoding, the file must be UTF-8."""
    pattern: GuestinfoPattern | None = None
    """The guest reads this pattern with the values of its placeholders."""
    encoding: Encoding | None = None
    """The value is encoded after the placeholders are replaced. The guest must decode it."""

    @model_validator(mode="after")
    def _check(self) -> GuestinfoTable:
        given = [value for value in (self.text, self.file, self.pattern) if value is not None]
        if len(given) != 1:
            raise problem("exactly one of text, file and pattern is required.", 'Use { text = "…" }, for example.')
        if self.encoding is None:
            _plain(self.text or self.pattern or "")
        return self


def _plain(text: str) -> str:
    if what := control_character(text):
        raise problem(f"the value contains {what}", f"Remove the character, or use {_ENCODE_IT}.")
    return text


def _tag(value: object) -> str:
    return "table" if isinstance(value, dict | GuestinfoTable) else "pattern"


VALUE_TAGS = ("pattern", "table")
"""The parts that pydantic adds to the location of an error in a GuestinfoValue."""
GuestinfoValue = Annotated[
    Annotated[GuestinfoPattern, AfterValidator(_plain), Tag("pattern")] | Annotated[GuestinfoTable, Tag("table")],
    Discriminator(_tag),
]
"""A pattern, or a table."""


def pattern_of(value: str | GuestinfoTable) -> str:
    """Return the pattern of a value. The pattern of a text has no placeholders.

    Raises:
        ValueError: the value is a file, which `read_file` has not replaced.
    """
    if isinstance(value, str):
        return value
    if value.file is not None:
        raise ValueError(f"the file {value.file} has not been read")
    return escaped(value.text or "") if value.pattern is None else value.pattern


def encoding_of(value: str | GuestinfoTable) -> Encoding | None:
    """Return the encoding of a value, or None."""
    return None if isinstance(value, str) else value.encoding


def filled(value: str | GuestinfoTable, placeholder_values: Mapping[str, str | int]) -> str:
    """Return the string that the guest reads."""
    text = fill(pattern_of(value), placeholder_values)
    encoding = encoding_of(value)
    if encoding is None:
        return text
    content = text.encode(errors=_BYTES)
    return b64encode(gzip_bytes(content) if encoding == "gzip+base64" else content).decode("ascii")


def read_file(value: GuestinfoTable, folder: Path, place: str) -> GuestinfoTable | Finding:
    """Return `value` with the content of its file as a pattern without placeholders, or a finding.

    The path of the file is relative to `folder`, the folder of the fleet file. `place` is the place of the value.
    """
    where = f"{place}, file"
    content = _content(value.file or "", folder, where)
    if isinstance(content, Finding):
        return content
    if value.encoding is not None:
        text = content.decode(errors=_BYTES)
    else:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            what = f"line {line} of {value.file!r} is not UTF-8."
            return Finding(where, what, 'Save the file as UTF-8, or add encoding = "base64".')
        if found := control_character(text):
            return Finding(where, f"{value.file!r} contains {found}", 'Remove it, or add encoding = "base64".')
    return value.model_copy(update={"file": None, "pattern": escaped(text)})


def _content(name: str, folder: Path, where: str) -> bytes | Finding:
    path = folder / name
    try:
        if not path.resolve(strict=True).is_relative_to(folder.resolve()):
            what = f"{name!r} is a link to a file outside the folder of the fleet file."
            return Finding(where, what, "Copy the file into that folder.")
        if not path.is_file():
            return Finding(where, f"{name!r} is not a file.", "Use the path of a file.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        cure = "Create the file, or correct the path. It is relative to the folder of the fleet file."
        return Finding(where, f"{name!r} does not exist.", cure)
    # ValueError: a NUL in the path. RuntimeError: a loop of symbolic links.
    except (OSError, ValueError, RuntimeError) as error:
        what = f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}."
        return Finding(where, what, "Make the file readable.")
