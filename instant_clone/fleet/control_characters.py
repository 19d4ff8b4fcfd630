# SPDX-License-Identifier: MPL-2.0
"""Characters that a request to vCenter changes or cannot contain."""

from __future__ import annotations

import re

__all__ = ["control_character"]

_NOT_SENT = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def control_character(text: str) -> str:
    """Return a description of the first character that vCenter cannot receive unchanged, or an empty string.

    The requests to vCenter are XML 1.0. Of the characters below U+0020, XML allows only tab, line feed and carriage
    return. It allows neither U+FFFE nor U+FFFF, and discourages U+007F to U+009F (2.2, Char). The stock provider sends
    U+FFFD instead of a character that is not allowed (govmomi, vim25/xml/xml.go, escapeText). A parser turns a carriage
    return into a line feed (2.11), and pyvmomi does not escape it (SoapAdapter.py, XmlEscape). If vCenter stored
    another character, each later plan would show a difference.
    """
    found = _NOT_SENT.search(text)
    if found is None:
        return ""
    line = text.count("\n", 0, found.start()) + 1
    name = "a carriage return" if found[0] == "\r" else "a control character"
    return f"{name} (U+{ord(found[0]):04X}) in line {line}, which vCenter cannot receive unchanged."
