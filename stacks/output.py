# SPDX-License-Identifier: MPL-2.0
"""The folder of synthesized stacks, renewed as a whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from instant_clone.errors import Finding, InstantCloneError

__all__ = ["renewed"]

OUTDIR_VARIABLE = "CDKTF_OUTDIR"
"""how the cdktf command tells an app where it looks for the result"""
MANIFEST = "manifest.json"


@contextmanager
def renewed(environ: Mapping[str, str], *, folder: Path) -> Iterator[Path]:
    """A new folder to synthesize into, whose files then take their places below the one that cdktf reads.

    That one is named by the environment, else it is cdktf.out in `folder`. Until the block ends, nothing in it changes;
    an error in the block leaves it as it was. Each file comes in at once, the manifest last. What Terraform keeps
    there, such as its plugins, stays. Raises InstantCloneError if files cannot be written.
    """
    # Through links: the folders have to be on one file system, and states are found from here by relative paths.
    outdir = (folder / (environ.get(OUTDIR_VARIABLE) or "cdktf.out")).resolve()
    try:
        outdir.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{outdir.name}.", dir=outdir.parent))
        try:
            yield new
            _put(new, outdir)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        cure = "See that there is room, and that the folder may be written."
        raise InstantCloneError(Finding(str(outdir), f"cannot be renewed: {error.strerror}.", cure)) from error


def _put(new: Path, outdir: Path) -> None:
    files = sorted((path for path in new.rglob("*") if path.is_file()), key=lambda path: path.name == MANIFEST)
    for file in files:
        place = outdir / file.relative_to(new)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
