# SPDX-License-Identifier: MPL-2.0
"""A provider that records the plan requests of Terraform."""

from __future__ import annotations

import threading

from instant_clone.plugin.wire.tfplugin5 import PlanRequest, PlanResponse, Schema
from testkit.in_process import indifferent, only_resource

__all__ = ["PlanRecorder"]


class PlanRecorder:
    """A provider with one resource of any schema. Its plan is always the proposed state."""

    def __init__(self, resource: str, schema: Schema) -> None:
        self.plans: list[PlanRequest] = []
        self._resource, self._schema = resource, schema
        self._lock = threading.Lock()

    def answer(self, method: str, request: bytes) -> bytes:
        """Return the response to a request; see ProviderService."""
        if method == "GetSchema":
            return only_resource(self._resource, self._schema)
        if method != "PlanResourceChange":
            return indifferent(method, request)
        asked = PlanRequest.FromString(request)
        with self._lock:
            self.plans.append(asked)
        # With this flag, Terraform accepts inconsistent planned values. The vSphere provider also sets it.
        return PlanResponse(planned_state=asked.proposed_new_state, legacy_type_system=True).SerializeToString()
