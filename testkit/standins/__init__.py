# SPDX-License-Identifier: MPL-2.0
"""Stand-ins for vCenter and for the stock provider, for tests of the plugin that need neither."""
