# SPDX-License-Identifier: MPL-2.0
"""What talks to vCenter. The only package that imports pyvmomi."""
