# SPDX-License-Identifier: MPL-2.0
"""CDKTF constructs for fleets of instant clones. docs/constructs.md describes them.

The modules are in one of two folders:

- An installed wheel contains the modules in this folder.
- A checkout contains them in its top-level folder `constructs/`, which extends the package of the constructs library.
  In a checkout, the import of this package imports each `constructs.NAME` and registers the same module object as
  `instant_clone.constructs.NAME`. Both names work, and each module runs only once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from instant_clone.extras import missing_package, require

__all__: list[str] = []


def _register_modules_of_checkout(folder: Path) -> None:
    """Register the modules of the checkout's `folder` as modules of this package."""
    for file in sorted(folder.glob("*.py")):
        module = import_module(f"constructs.{file.stem}")
        sys.modules[f"{__name__}.{file.stem}"] = module
        setattr(sys.modules[__name__], file.stem, module)


try:
    require("synth")
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(f"{__name__}: {missing_package(_error)}", name=_error.name) from None

# Only a wheel contains modules in this folder: pyproject.toml maps constructs/ to it.
if not Path(__file__).with_name("placement.py").exists():
    _register_modules_of_checkout(Path(__file__).parents[2] / "constructs")
