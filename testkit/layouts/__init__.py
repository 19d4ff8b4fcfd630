# SPDX-License-Identifier: MPL-2.0
"""Hardware layouts of source VMs, named or randomly generated, and the comparison of a clone with its source."""
