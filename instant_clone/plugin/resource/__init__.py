# SPDX-License-Identifier: MPL-2.0
"""What the plugin does for a resource: validate, plan, create, adopt, change, destroy."""
