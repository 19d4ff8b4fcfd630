# SPDX-License-Identifier: MPL-2.0
"""The JSON of a plan, as `terraform show -json PLANFILE` writes it (Terraform's "JSON Output Format", version 1)."""

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
"""the major version of the format that is known here; OpenTofu's is the same"""
HOW = "Write one with `terraform show -json PLANFILE`, from what `terraform plan -out=PLANFILE` saved."


class PlanError(InstantCloneError):
    """There is no plan to judge: it cannot be read, is none, or cannot be made."""


class Unknown:
    """A value that is known after the apply."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN = Unknown()


def is_unknown(value: object) -> bool:
    """Whether a value of `Change.planned` is not known before the apply."""
    return isinstance(value, Unknown)


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Change(_Read):
    """What is to become of a resource."""

    actions: tuple[str, ...]
    """no-op, create, read, update, delete, forget; two of them for a replacement"""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    after_unknown: Any = None
    before_sensitive: Any = None
    after_sensitive: Any = None
    replace_paths: tuple[tuple[str | int, ...], ...] = ()

    @property
    def prior(self) -> Mapping[str, Any]:
        """The values before; none if the resource is to be created."""
        return self.before or {}

    @cached_property
    def planned(self) -> Mapping[str, Any]:
        """The values after, UNKNOWN where they are not known yet; none if the resource is to be destroyed."""
        return _with_unknown(self.after, self.after_unknown) or {}

    def conceals(self, argument: str) -> bool:
        """Whether anything in a top-level argument is marked as sensitive, before or after."""
        return any(
            marks is True or (isinstance(marks, dict) and _any_true(marks.get(argument)))
            for marks in (self.before_sensitive, self.after_sensitive)
        )


class Resource(_Read):
    """One instance of a resource, or one of its deposed objects, that the plan is about."""

    address: str
    mode: str = ""
    type: str = ""
    deposed: str = ""
    provider_name: str = ""
    action_reason: str = ""
    change: Change


class _Provider(_Read):
    full_name: str = ""
    version_constraint: str = ""


class _Configuration(_Read):
    provider_config: dict[str, _Provider] = Field(default_factory=dict)


class Plan(_Read):
    """A plan: what it changes, and what it found changed since the last apply."""

    format_version: str
    errored: bool = False
    resource_changes: tuple[Resource, ...] = ()
    resource_drift: tuple[Resource, ...] = ()
    configuration: _Configuration = _Configuration()

    def release_of(self, provider: str) -> ProviderVersion | None:
        """The release of a provider, by its full name, if the configuration requires exactly one."""
        required = {
            _exact(each.version_constraint)
            for each in self.configuration.provider_config.values()
            if each.full_name == provider and each.version_constraint
        }
        return required.pop() if len(required) == 1 else None


def read_plan(content: bytes, where: str) -> Plan:
    """The plan in `content`, which comes from `where`. Raises PlanError that says what it is instead, and what to do.

    Values of the plan stand in no message: they may be secret.
    """
    if content.startswith(b"PK"):
        raise PlanError(f"{where} is a saved plan, not its JSON. {HOW}")
    try:
        document = json.loads(content)
    except ValueError:
        # Also a UnicodeDecodeError.
        what = "the log of `terraform plan -json`" if b'"@level"' in content[:1000] else "not JSON"
        raise PlanError(f"{where} is {what}. {HOW}") from None
    if not isinstance(document, dict) or not isinstance(document.get("format_version"), str):
        raise PlanError(f"{where} is no plan of Terraform. {HOW}")
    _check_format(document["format_version"], where)
    if "planned_values" not in document and "resource_changes" not in document:
        raise PlanError(f"{where} is {'a state' if 'values' in document else 'something else'}, not a plan. {HOW}")
    try:
        plan = Plan.model_validate(document)
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        at = ".".join(map(str, first["loc"]))
        raise PlanError(f"{where} is not a plan as Terraform writes them: {at}: {first['msg']}. {HOW}") from None
    if plan.errored:
        raise PlanError(f"{where} is a plan that failed, and is not complete. Plan again without errors.")
    return plan


def _check_format(version: str, where: str) -> None:
    match = re.match(r"(\d+)\.", version)
    if match is None:
        raise PlanError(f"{where} has the format version {version!r}, which is none of Terraform's. {HOW}")
    if int(match[1]) > NEWEST_FORMAT:
        raise PlanError(
            f"{where} has the format version {version}; the newest one known here is {NEWEST_FORMAT}.x. Take a newer "
            "release of instant-clone-fleet, or an older one of Terraform."
        )


def _exact(constraint: str) -> ProviderVersion | None:
    try:
        return ProviderVersion(constraint.removeprefix("=").strip())
    except ValueError:
        return None


def _with_unknown(value: Any, unknown: Any) -> Any:
    """`value` with UNKNOWN wherever `unknown`, which has its shape, is true."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, dict) and isinstance(value, dict):
        filled = {key: _with_unknown(value.get(key), inner) for key, inner in unknown.items()}
        return value | {key: inner for key, inner in filled.items() if key in value or inner is not None}
    if isinstance(unknown, list) and isinstance(value, list):
        # An unknown element stands in `value` as null.
        marks = unknown + [False] * (len(value) - len(unknown))
        return [_with_unknown(inner, mark) for inner, mark in zip(value, marks, strict=False)]
    return value


def _any_true(marks: Any) -> bool:
    if isinstance(marks, dict):
        return any(map(_any_true, marks.values()))
    if isinstance(marks, list):
        return any(map(_any_true, marks))
    return marks is True
