# SPDX-License-Identifier: MPL-2.0
"""Types of the message classes in tfplugin5.py. tests/instant_clone/plugin/wire compares both files."""

from collections.abc import Iterable

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message

class DynamicValue(Message):
    msgpack: bytes
    json: bytes
    def __init__(self, *, msgpack: bytes = ..., json: bytes = ...) -> None: ...

class Step(Message):
    attribute_name: str
    element_key_string: str
    element_key_int: int
    def __init__(
        self, *, attribute_name: str = ..., element_key_string: str = ..., element_key_int: int = ...
    ) -> None: ...

class AttributePath(Message):
    @property
    def steps(self) -> RepeatedCompositeFieldContainer[Step]: ...
    def __init__(self, *, steps: Iterable[Step] = ...) -> None: ...

class Diagnostic(Message):
    severity: int
    summary: str
    detail: str
    @property
    def attribute(self) -> AttributePath: ...
    def __init__(
        self, *, severity: int = ..., summary: str = ..., detail: str = ..., attribute: AttributePath = ...
    ) -> None: ...

class RawState(Message):
    json: bytes
    def __init__(self, *, json: bytes = ...) -> None: ...

class Attribute(Message):
    name: str
    type: bytes
    description: str
    required: bool
    optional: bool
    computed: bool
    def __init__(
        self,
        *,
        name: str = ...,
        type: bytes = ...,
        description: str = ...,
        required: bool = ...,
        optional: bool = ...,
        computed: bool = ...,
    ) -> None: ...

class Block(Message):
    version: int
    @property
    def attributes(self) -> RepeatedCompositeFieldContainer[Attribute]: ...
    @property
    def block_types(self) -> RepeatedCompositeFieldContainer[NestedBlock]: ...
    def __init__(
        self, *, version: int = ..., attributes: Iterable[Attribute] = ..., block_types: Iterable[NestedBlock] = ...
    ) -> None: ...

class NestedBlock(Message):
    type_name: str
    @property
    def block(self) -> Block: ...
    nesting: int
    min_items: int
    max_items: int
    def __init__(
        self,
        *,
        type_name: str = ...,
        block: Block = ...,
        nesting: int = ...,
        min_items: int = ...,
        max_items: int = ...,
    ) -> None: ...

class Schema(Message):
    version: int
    @property
    def block(self) -> Block: ...
    def __init__(self, *, version: int = ..., block: Block = ...) -> None: ...

class NamedSchema(Message):
    key: str
    @property
    def value(self) -> Schema: ...
    def __init__(self, *, key: str = ..., value: Schema = ...) -> None: ...

class GetSchemaResponse(Message):
    @property
    def resource_schemas(self) -> RepeatedCompositeFieldContainer[NamedSchema]: ...
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    def __init__(
        self, *, resource_schemas: Iterable[NamedSchema] = ..., diagnostics: Iterable[Diagnostic] = ...
    ) -> None: ...

class ConfigureRequest(Message):
    terraform_version: str
    @property
    def config(self) -> DynamicValue: ...
    def __init__(self, *, terraform_version: str = ..., config: DynamicValue = ...) -> None: ...

class ConfigureResponse(Message):
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    def __init__(self, *, diagnostics: Iterable[Diagnostic] = ...) -> None: ...

class ValidateRequest(Message):
    type_name: str
    @property
    def config(self) -> DynamicValue: ...
    def __init__(self, *, type_name: str = ..., config: DynamicValue = ...) -> None: ...

class ValidateResponse(Message):
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    def __init__(self, *, diagnostics: Iterable[Diagnostic] = ...) -> None: ...

class UpgradeRequest(Message):
    type_name: str
    version: int
    @property
    def raw_state(self) -> RawState: ...
    def __init__(self, *, type_name: str = ..., version: int = ..., raw_state: RawState = ...) -> None: ...

class UpgradeResponse(Message):
    @property
    def upgraded_state(self) -> DynamicValue: ...
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    def __init__(self, *, upgraded_state: DynamicValue = ..., diagnostics: Iterable[Diagnostic] = ...) -> None: ...

class ReadRequest(Message):
    type_name: str
    @property
    def current_state(self) -> DynamicValue: ...
    private: bytes
    @property
    def provider_meta(self) -> DynamicValue: ...
    def __init__(
        self,
        *,
        type_name: str = ...,
        current_state: DynamicValue = ...,
        private: bytes = ...,
        provider_meta: DynamicValue = ...,
    ) -> None: ...

class ReadResponse(Message):
    @property
    def new_state(self) -> DynamicValue: ...
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    private: bytes
    def __init__(
        self, *, new_state: DynamicValue = ..., diagnostics: Iterable[Diagnostic] = ..., private: bytes = ...
    ) -> None: ...

class PlanRequest(Message):
    type_name: str
    @property
    def prior_state(self) -> DynamicValue: ...
    @property
    def proposed_new_state(self) -> DynamicValue: ...
    @property
    def config(self) -> DynamicValue: ...
    prior_private: bytes
    @property
    def provider_meta(self) -> DynamicValue: ...
    def __init__(
        self,
        *,
        type_name: str = ...,
        prior_state: DynamicValue = ...,
        proposed_new_state: DynamicValue = ...,
        config: DynamicValue = ...,
        prior_private: bytes = ...,
        provider_meta: DynamicValue = ...,
    ) -> None: ...

class PlanResponse(Message):
    @property
    def planned_state(self) -> DynamicValue: ...
    @property
    def requires_replace(self) -> RepeatedCompositeFieldContainer[AttributePath]: ...
    planned_private: bytes
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    legacy_type_system: bool
    def __init__(
        self,
        *,
        planned_state: DynamicValue = ...,
        requires_replace: Iterable[AttributePath] = ...,
        planned_private: bytes = ...,
        diagnostics: Iterable[Diagnostic] = ...,
        legacy_type_system: bool = ...,
    ) -> None: ...

class ApplyRequest(Message):
    type_name: str
    @property
    def prior_state(self) -> DynamicValue: ...
    @property
    def planned_state(self) -> DynamicValue: ...
    @property
    def config(self) -> DynamicValue: ...
    planned_private: bytes
    @property
    def provider_meta(self) -> DynamicValue: ...
    def __init__(
        self,
        *,
        type_name: str = ...,
        prior_state: DynamicValue = ...,
        planned_state: DynamicValue = ...,
        config: DynamicValue = ...,
        planned_private: bytes = ...,
        provider_meta: DynamicValue = ...,
    ) -> None: ...

class ApplyResponse(Message):
    @property
    def new_state(self) -> DynamicValue: ...
    private: bytes
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    legacy_type_system: bool
    def __init__(
        self,
        *,
        new_state: DynamicValue = ...,
        private: bytes = ...,
        diagnostics: Iterable[Diagnostic] = ...,
        legacy_type_system: bool = ...,
    ) -> None: ...

class ImportRequest(Message):
    type_name: str
    id: str
    def __init__(self, *, type_name: str = ..., id: str = ...) -> None: ...

class ImportedResource(Message):
    type_name: str
    @property
    def state(self) -> DynamicValue: ...
    private: bytes
    def __init__(self, *, type_name: str = ..., state: DynamicValue = ..., private: bytes = ...) -> None: ...

class ImportResponse(Message):
    @property
    def imported_resources(self) -> RepeatedCompositeFieldContainer[ImportedResource]: ...
    @property
    def diagnostics(self) -> RepeatedCompositeFieldContainer[Diagnostic]: ...
    def __init__(
        self, *, imported_resources: Iterable[ImportedResource] = ..., diagnostics: Iterable[Diagnostic] = ...
    ) -> None: ...
