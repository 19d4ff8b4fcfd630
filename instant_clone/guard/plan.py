# SPDX-License-Identifier: MPL-2.0
"""The JSON of a plan from `terraform show -json PLANFILE` (Terraform's "JSON Output Format", version 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from instant_clone.errors import InstantCloneError
from instant_clone.stock_provider.releases import ProviderVersion

__all__ = ["UNKNOWN", "Change", "Plan", "PlanError", "Resource", "Unknown", "is_unknown", "read_plan"]

NEWEST_FORMAT = 1
"""The newest supported major version of the format. OpenTofu uses the same version."""
HOW = "Run `terraform plan -out=PLANFILE`, then `terraform show -json PLANFILE`."


class PlanError(InstantCloneError):
    """The input cannot be read or is not a plan, or the plan cannot be created."""


class Unknown:
    """A value that is known only after the apply."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN = Unknown()


def is_unknown(value: object) -> bool:
    """Return whether a value of `Change.planned` is unknown before the apply."""
    return isinstance(value, Unknown)


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Change(_Read):
    """The planned change of a resource."""

    actions: tuple[str, ...]
    """no-op, create, read, update, delete or forget. A replacement has two actions."""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    after_unknown: Any = None
    before_sensitive: Any = None
    after_sensitive: Any = None
    replace_paths: tuple[tuple[str | int, ...], ...] = ()

    @property
    def prior(self) -> Mapping[str, Any]:
        """Return the values before the change. The mapping is empty for a resource that is created."""
        return self.before or {}

    @cached_property
    def planned(self) -> Mapping[str, Any]:
        """Return the values after the change. UNKNOWN is an unknown value. The mapping is empty after a destroy."""
        return _with_unknown(self.after, self.after_unknown) or {}

    def conceals(self, argument: str) -> bool:
        """Return whether a part of a top-level argument is marked as sensitive, before or after the change."""
        return any(
            marks is True or (isinstance(marks, dict) and _any_true(marks.get(argument)))
            for marks in (self.before_sensitive, self.after_sensitive)
        )


class Resource(_Read):
    """An instance of a resource in the plan, or one of its deposed objects."""

    address: str
    mode: str = ""
    type: str = ""
    provider_name: str = ""
    action_reason: str = ""
    change: Change


class _Provider(_Read):
    full_name: str = ""
    version_constraint: str = ""


class _Configuration(_Read):
    provider_config: dict[str, _Provider] = Field(default_factory=dict)


class Plan(_Read):
    """A plan: the planned changes, and the changes since the last apply (drift)."""

    format_version: str
    errored: bool = False
    resource_changes: tuple[Resource, ...] = ()
    resource_drift: tuple[Resource, ...] = ()
    configuration: _Configuration = _Configuration()

    def release_of(self, provider: str) -> ProviderVersion | None:
        """Return the release that the configuration requires for the provider with this full name, or None."""
        required = {
            _exact(each.version_constraint)
            for each in self.configuration.provider_config.values()
            if each.full_name == provider and each.version_constraint
        }
        return required.pop() if len(required) == 1 else None


def read_plan(content: bytes, where: str) -> Plan:
    """Return the plan in `content`. `where` names the file or stack in messages.

    Messages contain no values of the plan, because the values may be secret.

    Raises:
        PlanError: `content` is not a complete plan in a supported format. The message names the format that was found
            and the commands that write a plan.
    """
    if content.startswith(b"PK"):
        raise PlanError(f"{where}: found a saved plan, expected its JSON. {HOW}")
    try:
        document = json.loads(content)
    except ValueError:
        # UnicodeDecodeError is a ValueError, too.
        found = "the log of `terraform plan -json`" if b'"@level"' in content[:1000] else "no JSON"
        raise PlanError(f"{where}: found {found}, expected a plan. {HOW}") from None
    if not isinstance(document, dict) or not isinstance(document.get("format_version"), str):
        raise PlanError(f"{where}: found other JSON, expected a Terraform plan. {HOW}")
    _check_format(document["format_version"], where)
    if "planned_values" not in document and "resource_changes" not in document:
        found = "a state" if "values" in document else "another document"
        raise PlanError(f"{where}: found {found}, expected a plan. {HOW}")
    try:
        plan = Plan.model_validate(document)
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        at = ".".join(map(str, first["loc"]))
        raise PlanError(f"{where}: invalid plan: {at}: {first['msg']}. {HOW}") from None
    if plan.errored:
        raise PlanError(f"{where}: the plan failed and is incomplete. Correct the errors and create a new plan.")
    return plan


def _check_format(version: str, where: str) -> None:
    match = re.match(r"(\d+)\.", version)
    if match is None:
        raise PlanError(f"{where}: {version!r} is not a format version of Terraform. {HOW}")
    if int(match[1]) > NEWEST_FORMAT:
        raise PlanError(
            f"{where}: the format version is {version}, and the newest supported version is {NEWEST_FORMAT}.x. Install "
            "a newer release of instant-clone-fleet or an older release of Terraform."
        )


def _exact(constraint: str) -> ProviderVersion | None:
    try:
        return ProviderVersion(constraint.removeprefix("=").strip())
    except ValueError:
        return None


def _with_unknown(value: Any, unknown: Any) -> Any:
    """Return `value` with UNKNOWN wherever `unknown` is true. Both have the same shape."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, dict) and isinstance(value, dict):
        filled = {key: _with_unknown(value.get(key), inner) for key, inner in unknown.items()}
        return value | {key: inner for key, inner in filled.items() if key in value or inner is not None}
    if isinstance(unknown, list) and isinstance(value, list):
        # Terraform writes null for an unknown element of a list.
        marks = unknown + [False] * (len(value) - len(unknown))
        return [_with_unknown(inner, mark) for inner, mark in zip(value, marks, strict=False)]
    return value


def _any_true(marks: Any) -> bool:
    if isinstance(marks, dict | list):
        return any(map(_any_true, marks.values() if isinstance(marks, dict) else marks))
    return marks is True
