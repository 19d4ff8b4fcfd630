# SPDX-License-Identifier: MPL-2.0
"""The encodings of file names and of the output, in any locale."""

from __future__ import annotations

import io
import os
import sys

__all__ = ["use_any_locale"]


def use_any_locale() -> None:
    r"""Prepare this process for a locale or a terminal that is not UTF-8. Call it first, because it may restart Python.

    - Terraform, Node and Git use UTF-8 for file names in each locale. Python uses the encoding of the locale. If this
      encoding is not UTF-8, the function restarts Python in its UTF-8 mode (PEP 540).
    - Python raises an error if it prints a character that the encoding of standard output does not have. After this
      call, standard output and standard error contain an escape such as \u2192 instead.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        # PYTHONIOENCODING keeps the encoding of the output.
        environment = {"PYTHONIOENCODING": getattr(sys.stderr, "encoding", "utf-8")} | os.environ
        arguments = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, arguments, environment)  # noqa: S606 - the same command again
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
