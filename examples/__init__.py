# SPDX-License-Identifier: MPL-2.0
"""Examples of fleets and apps."""
