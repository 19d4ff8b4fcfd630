# SPDX-License-Identifier: MPL-2.0
"""Ways to use the project."""
