# SPDX-License-Identifier: MPL-2.0
"""The plugin's entry point. The launcher runs `python -m instant_clone.plugin HOME` for Terraform.

`python -m instant_clone.plugin --reattach [HOME]` is for developers. It serves Terraform commands under a debugger.
"""

import sys

from instant_clone.extras import missing_package

try:
    if sys.argv[1:2] == ["--reattach"]:
        from instant_clone.plugin.process.reattach import main
    else:
        from instant_clone.plugin.process.server import main
    main()
except ModuleNotFoundError as error:
    missing = missing_package(error)
    if missing is None:
        raise
    sys.exit(f"instant-clone: {missing}")
