# SPDX-License-Identifier: MPL-2.0
"""The plugin protocol: messages, values, diagnostics, and the schema with the `instantclone` block."""
