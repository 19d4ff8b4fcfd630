# SPDX-License-Identifier: MPL-2.0
"""Hardware layouts of source VMs: what they are made of, by name or generated, and how a clone is held against one."""
