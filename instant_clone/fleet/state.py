# SPDX-License-Identifier: MPL-2.0
"""Where states are kept: any Terraform backend, each fleet's state in a place of its own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from instant_clone.errors import Finding
from instant_clone.fleet.backends import BACKENDS, Backend
from instant_clone.fleet.field_types import Frozen, near, shown, suggestion

__all__ = ["StateSettings", "in_workspace", "place_findings", "read_state"]

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
"""the variables for arguments that may, but need not, hold a secret"""
_PATHS = ("path", "workspace_dir")
"""the arguments of the local backend, which are paths"""
_DEFAULT_WORKSPACE = "default"
"""Terraform's name of the workspace whose state is at `path`"""


class StateSettings(Frozen):
    """A Terraform backend and its arguments, as in Terraform's block of that name; {fleet} stands for the fleet.

    Values are texts, whole numbers, true or false, and lists and tables of those. A path of the local backend is
    relative to the project's folder.
    """

    backend: str = "local"
    arguments: Mapping[str, Any] = {"path": "state/{fleet}.tfstate"}

    def arguments_for(self, fleet_name: str) -> dict[str, Any]:
        """The backend's arguments for the stack of this fleet."""
        return {name: _filled(value, fleet_name) for name, value in self.arguments.items()}


def read_state(table: object) -> tuple[StateSettings, list[Finding]]:
    """What [state] says, or the default with what is wrong with it."""
    settings = StateSettings()
    if not isinstance(table, dict):
        return settings, [Finding("state", "is not a table.", "Begin it with [state].")]
    name = table.get("backend", settings.backend)
    if not isinstance(name, str):
        what = f"{shown(name)} is of the wrong type."
        return settings, [Finding("[state] backend", what, "Write a text in quotes.")]
    if name not in BACKENDS:
        cure = suggestion(name, BACKENDS) or f"There are {', '.join(BACKENDS)}."
        return settings, [Finding("[state] backend", f"{name!r} is not a backend that is known.", cure)]
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
    """Fleets whose states, or stacks, would be in one place.

    Names that differ in capitals only do not tell files apart everywhere: macOS' file system does not by default.
    """
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for name in fleet_names:
        other = names.setdefault(name.casefold(), name)
        if other != name:
            what = f"differs from {other!r} in capitals only: two states in one place, where files do likewise."
            yield Finding(f"[fleets.{name}]", what, "Choose another name.")
        elif state.backend == "local":
            path = posixpath.normpath(str(state.arguments_for(name)["path"]))
            other = places.setdefault(path.casefold(), name)
            if other != name:
                what = f"two states in one place: {path!r} for the fleets {other} and {name}."
                yield Finding("[state] path", what, f"Let {FLEET} tell them apart.")


def in_workspace(
    state: StateSettings, workspace: str, fleet_names: Sequence[str]
) -> tuple[StateSettings, list[Finding]]:
    """Return where the states of a Terraform workspace are kept, and what is wrong with that place.

    The local backend keeps the states of all workspaces but "default" in `workspace_dir`, by default the folder
    terraform.tfstate.d below the synthesized stack (Terraform, internal/backend/local/backend.go, StatePaths). That
    folder is deleted with cdktf.out, so the states go to a folder beside the fleet's own state instead. Without a
    workspace nothing is added: Terraform refuses to go on after a change of the backend's arguments.
    """
    if state.backend != "local" or workspace in ("", _DEFAULT_WORKSPACE):
        return state, []
    named = state.arguments.get("workspace_dir")
    if named is None:
        beside = {**state.arguments, "workspace_dir": f"{state.arguments['path']}.d"}
        return state.model_copy(update={"arguments": beside}), []
    if FLEET in named or len(fleet_names) < 2:
        return state, []
    sharing = f"{', '.join(fleet_names[:-1])} and {fleet_names[-1]}"
    what = f"has no {FLEET}: the fleets {sharing} would share the state of the workspace {workspace}."
    return state, [Finding("[state] workspace_dir", what, f"Put {FLEET} into it.")]


def _backend_missing(arguments: Mapping[str, Any]) -> Finding | None:
    """What to say of arguments that are another backend's than the default's, if they are."""
    foreign = [key for key in arguments if key not in _PATHS and near(key, ("backend", *_PATHS), likeness=0.75) is None]
    if not foreign:
        return None
    for key in foreign:
        if key in BACKENDS and isinstance(arguments[key], dict):
            cure = f'Write backend = "{key}" in [state], with its arguments.'
            return Finding(f"[state.{key}]", "a backend is not a table.", cure)
    what = f"is missing, and the backend local has no {', '.join(foreign)}."
    named = next((value for key in foreign if isinstance(value := arguments[key], str) and value in BACKENDS), None)
    cure = f'Write backend = "{named}".' if named else f"There are {', '.join(BACKENDS)}."
    return Finding("[state] backend", what, cure)


def _filled(value: Any, fleet_name: str) -> Any:
    # Not a format: other braces may stand in a URL or a label.
    if isinstance(value, str):
        return value.replace(FLEET, fleet_name)
    if isinstance(value, list | tuple):
        return [_filled(item, fleet_name) for item in value]
    if isinstance(value, Mapping):
        return {key: _filled(item, fleet_name) for key, item in value.items()}
    return value


def _findings(name: str, backend: Backend, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    for argument, value, depth in _walk(arguments):
        where = f"[state] {argument}"
        if name == "local" and argument not in _PATHS:
            cure = suggestion(argument, ("backend", *_PATHS), likeness=0.75) or f"There are {', '.join(_PATHS)}."
            yield Finding(where, "is not an argument of the backend local.", cure)
        elif depth > DEEPEST:
            yield Finding(where, "is nested too deeply.", "No backend has such an argument.")
        elif not isinstance(value, str):
            if not isinstance(value, bool | dict | list) and not (isinstance(value, int) and abs(value) < 2**63):
                yield Finding(where, "is of the wrong type.", "Write a text, a whole number, true or false.")
        elif _secret(name, backend, argument, value):
            yield Finding(where, "is a secret, or holds one, and would stand in files.", _instead(name, argument))
        elif name == "local" and argument in _PATHS and not _relative(value):
            what = f"{value!r} is not a relative path."
            yield Finding(where, what, "Write a path below the project's folder, with / between its parts.")
    yield from _place_told(name, backend, arguments)


def _place_told(name: str, backend: Backend, arguments: Mapping[str, Any]) -> Iterator[Finding]:
    given = {
        argument: value for argument in backend.distinguishing if (value := _found(arguments, argument)) is not None
    }
    for argument in backend.likewise:
        value = _found(arguments, argument)
        if isinstance(value, str) and FLEET not in value:
            yield Finding(f"[state] {argument}", f"has no {FLEET}: the fleets would share it.", f"Put {FLEET} into it.")
    if any(isinstance(value, str) and FLEET in value for value in given.values()):
        return
    what = f"has no {FLEET}: two states in one place, as soon as there are two fleets."
    if not given:
        argument = backend.distinguishing[0]
        what = f"is missing; it tells the fleets' states apart in the backend {name}."
    else:
        argument = next(iter(given))
    yield Finding(f"[state] {argument}", what, f"Write it as in {backend.example}.")


def _walk(value: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any, int]]:
    """All arguments with their values, those of blocks and lists too, but nothing below DEEPEST."""
    for key, inner in value.items():
        yield from _walk_one(f"{prefix}{key}", inner, depth)


def _walk_one(argument: str, value: Any, depth: int) -> Iterator[tuple[str, Any, int]]:
    yield argument, value, depth
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        yield from _walk(value, f"{argument}.", depth + 1)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield from _walk(item, f"{argument}.", depth + 1)
            else:
                yield from _walk_one(argument, item, depth + 1)


def _found(arguments: Mapping[str, Any], argument: str) -> Any:
    value: Any = arguments
    for part in argument.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _secret(name: str, backend: Backend, argument: str, value: str) -> bool:
    if _listed_secret(backend, argument) or _SECRET_NAME.search(argument.rpartition(".")[2].lower()):
        return True
    return bool(_SECRET_VALUE.search(value)) or ((name, argument) == ("gcs", "credentials") and "{" in value)


def _listed_secret(backend: Backend, argument: str) -> str | None:
    """The secret that `argument` names. Misspelt, too: Terraform refuses it only when its value is in files already."""
    return near(argument, backend.secrets, likeness=0.88)


def _instead(name: str, argument: str) -> str:
    backend = BACKENDS[name]
    variable = backend.secrets.get(_listed_secret(backend, argument) or "") or _VARIABLES.get((name, argument))
    return f"Take it out, and set {variable} instead." if variable else "Take it out; give it to Terraform otherwise."


def _relative(path: str) -> bool:
    return bool(path) and not re.match(r"[/~]|[A-Za-z]:", path) and "\\" not in path
