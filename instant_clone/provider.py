# SPDX-License-Identifier: MPL-2.0
"""A message for users of a plugin that a release before 0.2 installed. Its launcher starts this module."""

import sys

if __name__ == "__main__":
    # Terraform expects the handshake on standard output, and shows a line that is not a handshake to the user.
    print("instant-clone: a release before 0.2 installed this plugin. Run `instant-clone provider install` again.")
    sys.exit(1)
