# SPDX-License-Identifier: MPL-2.0
"""Replacement of the synthesized stacks in cdktf's output folder, only after a complete synth."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from instant_clone.errors import Finding, InstantCloneError

__all__ = ["refuse_hcl", "replaced_output"]

OUTDIR_VARIABLE = "CDKTF_OUTDIR"
"""the variable in which the cdktf command passes its output folder to an app"""
MANIFEST = "manifest.json"
HCL_VARIABLE = "SYNTH_HCL_OUTPUT"
"""the variable in which `cdktf synth --hcl` passes its option to an app (cdktf 0.21, lib/terraform-stack.js)"""
_JSON, _HCL = "cdk.tf.json", "cdk.tf"
_FIRST_LINES_OF_CDKTF = b"terraform {\nrequired_providers {\n"
"""the start of cdktf's HCL (seen with 0.21), which is not indented"""


def refuse_hcl(environ: Mapping[str, str]) -> None:
    """Raise an error if cdktf requests HCL.

    cdktf 0.21 writes HCL that Terraform cannot parse: it treats required_version as a list, and quotes expressions.

    Raises:
        InstantCloneError: cdktf requests HCL.
    """
    if environ.get(HCL_VARIABLE) in {"true", "1"}:
        what = "cdktf writes HCL that Terraform cannot read."
        cure = f"Run `npx cdktf synth` without --hcl and {HCL_VARIABLE}: its JSON is valid Terraform."
        raise InstantCloneError(Finding("cdktf synth --hcl", what, cure))


@contextmanager
def replaced_output(environ: Mapping[str, str], *, folder: Path) -> Iterator[Path]:
    """Yield a temporary folder for the synth, and move its files into cdktf's output folder at the end of the block.

    The output folder is CDKTF_OUTDIR from `environ`; the default is cdktf.out in `folder`. It does not change before
    the block ends. It does not change at all if the block raises an error. Each file is replaced atomically, and the
    manifest is the last one. Files of Terraform in the output folder, such as its plugins, stay. HCL that cdktf wrote
    in an earlier synth is removed, because Terraform would read each block twice.

    Raises:
        InstantCloneError: A file cannot be written.
    """
    # resolve() follows symbolic links: both folders must be on one file system, and the path of a local state is
    # relative to the real folder.
    outdir = (folder / (environ.get(OUTDIR_VARIABLE) or "cdktf.out")).resolve()
    try:
        outdir.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{outdir.name}.", dir=outdir.parent))
        try:
            yield new
            _move_files(new, outdir)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        cure = "Check the free disk space and the folder's permissions."
        raise InstantCloneError(Finding(str(outdir), f"cannot be written: {error.strerror}.", cure)) from error


def _move_files(new: Path, outdir: Path) -> None:
    files = sorted((path for path in new.rglob("*") if path.is_file()), key=lambda path: path.name == MANIFEST)
    for file in files:
        target = outdir / file.relative_to(new)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
        hcl = target.with_name(_HCL)
        if target.name == _JSON and hcl.is_file() and hcl.read_bytes().startswith(_FIRST_LINES_OF_CDKTF):
            hcl.unlink()
