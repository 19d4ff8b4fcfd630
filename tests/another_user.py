# SPDX-License-Identifier: MPL-2.0
"""Run a function as a user who does not own the files of the test."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["as_another_user", "public_folder"]

_NOBODY = 65534
_PUBLIC = "/tmp"


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Yield a folder that every user can read, unlike pytest's temporary folder and the private TMPDIR of `make`."""
    folder = Path(tempfile.mkdtemp(prefix="instant-clone-public-", dir=_PUBLIC))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def as_another_user(act: Callable[[], Any]) -> Any:
    """Call `act` in a new process, and return its result, which must be JSON.

    If the tests run as root, the process runs as the user nobody. Otherwise it runs as the user of the tests. A file
    mode without permissions is enough to deny access to a user who is not root.
    """
    receiver, sender = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and newer warn of a fork in a process with threads. The child starts no threads, and it ends with
        # os._exit.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(_NOBODY)
                os.setuid(_NOBODY)
            # The TMPDIR of `make` belongs to the user of the tests.
            os.environ["TMPDIR"] = tempfile.tempdir = _PUBLIC
            result = json.dumps(act())
        except BaseException as failure:  # noqa: BLE001 - the parent raises it
            result = json.dumps({"failure": repr(failure)})
        with os.fdopen(sender, "w") as pipe:
            pipe.write(result)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(child, 0)
    if isinstance(answer, dict) and "failure" in answer:
        raise AssertionError(answer["failure"])
    return answer
