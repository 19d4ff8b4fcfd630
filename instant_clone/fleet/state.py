# SPDX-License-Identifier: MPL-2.0
"""The [state] table of fleets.toml: a Terraform backend that stores the state of each fleet separately."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from instant_clone.errors import Finding
from instant_clone.fleet.backends import BACKENDS, Backend
from instant_clone.fleet.field_types import Frozen, near, shown, suggestion

__all__ = ["LOCAL_PATHS", "StateSettings", "in_workspace", "place_findings", "read_state", "with_strings"]

FLEET = "{fleet}"
DEEPEST = 4
_SECRET_NAME = re.compile(
    r"(^|_)(pass|password|passwd|passphrase|secret|token|access_key|secret_key|private_key|client_key)$"
)
_SECRET_VALUE = re.compile(
    r"PRIVATE KEY-----"
    r"|://[^/\s?#]*:[^/\s?#]+@"  # user:password in a URL
    r"|(^|[\s?&;])(password|passwd|sig|token|access_token|private_token)\s*=",  # connection strings and queries
    re.IGNORECASE,
)
_VARIABLES = {("pg", "conn_str"): "PG_CONN_STR", ("gcs", "credentials"): "GOOGLE_CREDENTIALS"}
"""The environment variables for arguments that can contain a secret."""
LOCAL_PATHS = ("path", "workspace_dir")
"""The arguments of the backend local. All of them are paths."""
_DEFAULT_WORKSPACE = "default"
"""Terraform's name of the default workspace, which stores its state at `path`."""


class StateSettings(Frozen):
    """A Terraform backend and its arguments."""

    backend: str = "local"
    """The value is the name of the Terraform backend."""
    arguments: Mapping[str, Any] = {"path": "state/{fleet}.tfstate"}
    """The arguments are those of the Terraform block of the backend. Values are strings, integers, true or false, and
    lists and tables of these. {fleet} is replaced by the name of the fleet. A path of the backend local is relative to
    the project folder."""

    def arguments_for(self, fleet_name: str) -> dict[str, Any]:
        """Return the arguments of the backend for the stack of the fleet `fleet_name`."""
        # str.format would fail on other braces, for example in a URL or a label.
        filled: dict[str, Any] = with_strings(self.arguments, lambda text: text.replace(FLEET, fleet_name))
        return filled


def read_state(table: object) -> tuple[StateSettings, list[Finding]]:
    """Return the settings and findings of the [state] table. The settings are the default if there are findings."""
    settings = StateSettings()
    if not isinstance(table, dict):
        return settings, [Finding("state", "is not a table.", "Start the table with [state].")]
    name = table.get("backend", settings.backend)
    if not isinstance(name, str):
        what = f"{shown(name)} has the wrong type."
        return settings, [Finding("[state] backend", what, "Use a string in quotes.")]
    if name not in BACKENDS:
        cure = suggestion(name, BACKENDS) or f"Supported backends are {', '.join(BACKENDS)}."
        return settings, [Finding("[state] backend", f"{name!r} is not a supported backend.", cure)]
    arguments = {key: value for key, value in table.items() if key != "backend"}
    if "backend" not in table and (missing := _backend_missing(arguments)):
        return settings, [missing]
    if name == settings.backend and "path" not in arguments:
        arguments = {**settings.arguments, **arguments}
    findings = list(_findings(name, BACKENDS[name], arguments))
    if findings:
        return settings, findings
    return StateSettings(backend=name, arguments=arguments), []


def place_findings(state: StateSettings, fleet_names: Sequence[str]) -> Iterator[Finding]:
    """Yield findings about fleets that would share a state file or a stack folder.

    Names that differ only in case are the same file on a case-insensitive file system, which is the default of macOS.
    """
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for name in fleet_names:
        other = names.setdefault(name.casefold(), name)
        if other != name:
            what = f"the name differs from {other!r} only in case. Both fleets could share a state file."
            yield Finding(f"[fleets.{name}]", what, "Use another name.")
        elif state.backend == "local":
            path = posixpath.normpath(str(state.arguments_for(name)["path"]))
            other = places.setdefault(path.casefold(), name)
            if other != name:
                what = f"the fleets {other} and {name} would share the state {path!r}."
                yield Finding("[state] path", what, f"Use {FLEET} so that each fleet has a different path.")


def in_workspace(
    state: StateSettings, workspace: str, fleet_names: Sequence[str]
) -> tuple[StateSettings, list[Finding]]:
    """Return the settings for the states of a Terraform workspace, and the findings about `workspace_dir`.

    The backend local stores the states of all workspaces except "default" in `workspace_dir`. The default is the folder
    terraform.tfstate.d in the folder of the synthesized stack (Terraform, internal/backend/local/backend.go,
    StatePaths). A deletion of cdktf.out deletes this default folder too. The settings therefore set `workspace_dir` to
    `path` with ".d" appended. Without a workspace, the settings stay the same, because Terraform stops if the
    arguments of a backend change.
    """
    if state.backend != "local" or workspace in ("", _DEFAULT_WORKSPACE):
        return state, []
    workspace_dir = state.arguments.get("workspace_dir")
    if workspace_dir is None:
        arguments = {**state.arguments, "workspace_dir": f"{state.arguments['path']}.d"}
        return state.model_copy(update={"arguments": arguments}), []
    if FLEET in workspace_dir or len(fleet_names) < 2:
        return state, []
    fleets = f"{', '.join(fleet_names[:-1])} and {fleet_names[-1]}"
    what = f"does not contain {FLEET}, so the fleets {fleets} would share the state of the workspace {workspace}."
    return state, [Finding("[state] workspace_dir", what, f"Add {FLEET} to workspace_dir.")]


def _backend_missing(arguments: Mapping[str, Any]) -> Finding | None:
    """Return a finding if `arguments` belong to a backend other than the default, or None."""
    foreign = [
        key
        for key in arguments
        if key not in LOCAL_PATHS and near(key, ("backend", *LOCAL_PATHS), likeness=0.75) is None
    ]
    if not foreign:
        return None
    for key in foreign:
        if key in BACKENDS and isinstance(arguments[key], dict):
            cure = f'Set backend = "{key}" in [state], and move the arguments to [state].'
            return Finding(f"[state.{key}]", "unknown table.", cure)
    what = f"is missing, and the default backend local has no argument {', '.join(foreign)}."
    backend = next((value for key in foreign if isinstance(value := arguments[key], str) and value in BACKENDS), None)
    cure = f'Set backend = "{backend}".' if backend else f"Supported backends are {', '.join(BACKENDS)}."
    return Finding("[state] backend", what, cure)


def with_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value of the backend's arguments with the results of `change` for its strings, at all depths."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [with_strings(item, change) for item in value]
    if isinstance(value, Mapping):
        return {key: with_strings(item, change) for key, item in value.items()}
    return value


def _findings(name: str, backend: Backend, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    walked = (each for key, inner in arguments.items() for each in _walk(key, inner))
    for argument, value, depth in walked:
        where = f"[state] {argument}"
        if name == "local" and argument not in LOCAL_PATHS:
            cure = (
                suggestion(argument, ("backend", *LOCAL_PATHS), likeness=0.75)
                or f"Use only {' and '.join(LOCAL_PATHS)}."
            )
            yield Finding(where, "is not an argument of the backend local.", cure)
        elif depth > DEEPEST:
            cure = "Remove it; no backend has such an argument."
            yield Finding(where, f"is nested more than {DEEPEST} levels deep.", cure)
        elif not isinstance(value, str):
            if not isinstance(value, bool | dict | list) and not (isinstance(value, int) and abs(value) < 2**63):
                yield Finding(where, "has the wrong type.", "Use a string, an integer, true or false.")
        elif cure := _secret_cure(name, backend, argument, value):
            yield Finding(where, "contains a secret, which would be written to files.", cure)
        elif name == "local" and not _relative(value):
            what = f"{value!r} is not a relative path."
            yield Finding(where, what, "Use a path relative to the project folder, with / between its parts.")
    yield from _separation_findings(name, backend, arguments)


def _separation_findings(name: str, backend: Backend, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    given = {
        argument: value for argument in backend.distinguishing if (value := _found(arguments, argument)) is not None
    }
    for argument in backend.distinguishing_if_set:
        value = _found(arguments, argument)
        if isinstance(value, str) and FLEET not in value:
            what = f"does not contain {FLEET}, so the fleets would share it."
            yield Finding(f"[state] {argument}", what, f"Add {FLEET} to {argument}.")
    if any(isinstance(value, str) and FLEET in value for value in given.values()):
        return
    what = f"does not contain {FLEET}, so two fleets would share one state."
    if not given:
        argument = backend.distinguishing[0]
        what = f"is missing, but the backend {name} needs it to separate the states of the fleets."
    else:
        argument = next(iter(given))
    yield Finding(f"[state] {argument}", what, f"Set it, as in {backend.example}.")


def _walk(argument: str, value: Any, depth: int = 1) -> Iterator[tuple[str, Any, int]]:
    """Yield an argument with its value and depth, and those in its blocks and lists down to DEEPEST."""
    yield argument, value, depth
    if depth > DEEPEST:
        return
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            for key, inner in item.items():
                yield from _walk(f"{argument}.{key}", inner, depth + 1)
        elif item is not value:
            yield from _walk(argument, item, depth + 1)


def _found(arguments: Mapping[str, Any], argument: str) -> Any:
    value: Any = arguments
    for part in argument.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _secret_cure(name: str, backend: Backend, argument: str, value: str) -> str:
    """Return the cure for an argument that contains a secret, or an empty string for another argument.

    A misspelled secret is reported here because Terraform rejects it only after its value has been written to files.
    """
    listed = near(argument, backend.secrets, likeness=0.88)
    named = listed or _SECRET_NAME.search(argument.rpartition(".")[2].lower())
    is_key_file = (name, argument) == ("gcs", "credentials") and "{" in value
    if not (named or _SECRET_VALUE.search(value) or is_key_file):
        return ""
    variable = backend.secrets.get(listed or "") or _VARIABLES.get((name, argument))
    if variable:
        return f"Remove it, and set {variable} in the environment."
    return "Remove it, and pass it to Terraform outside the fleet file."


def _relative(path: str) -> bool:
    return bool(path) and not re.match(r"[/~]|[A-Za-z]:", path) and "\\" not in path
