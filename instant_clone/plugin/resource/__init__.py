# SPDX-License-Identifier: MPL-2.0
"""Operations on the resources that the plugin handles: validate, plan, create, adopt, update and destroy."""
