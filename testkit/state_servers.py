# SPDX-License-Identifier: MPL-2.0
"""Servers for Terraform states on free ports of 127.0.0.1. Each request requires credentials.

The S3 server is VersityGW in .tools/bin/versitygw, which `make` builds. It stores buckets as folders and objects as
files, and requires signed requests. The server for the backend http implements only the few requests of that backend.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from testkit.processes import until

__all__ = ["HttpServer", "S3Server", "StateServer"]

PROGRAM = Path(__file__).resolve().parents[1] / ".tools" / "bin" / "versitygw"
LOCAL = "127.0.0.1"
USER = "state-user-4b1d"
SECRET = "sentinel-state-9e27c4"


class StateServer(ABC):
    """A running server. A place is the key or URL path of a state.

    It is the value from the fleet file, with the name of the fleet instead of {fleet}.
    """

    settings: str
    """content of the table [state] in the fleet file"""
    credentials: Mapping[str, str]
    """environment variables from which Terraform reads the credentials"""
    place: ClassVar[str]
    """place of the state of a fleet, with the placeholder {fleet}"""

    @abstractmethod
    def states(self) -> dict[str, dict[str, Any]]:
        """Return the stored states, by place."""

    @abstractmethod
    def locks(self) -> dict[str, dict[str, Any]]:
        """Return the held locks, by the place of their state."""


class S3Server(StateServer):
    """A state server with the S3 API, implemented by VersityGW."""

    place = "instant-clones/{fleet}.tfstate"
    _bucket = "terraform-states"
    _lock = ".tflock"

    def __init__(self, folder: Path, port: int, *, lockfile: bool) -> None:
        self._states = folder / self._bucket
        endpoint = f"http://{LOCAL}:{port}"
        # Terraform 1.6 renamed the arguments of the backend. use_lockfile exists since Terraform 1.10.
        arguments = (
            f'use_lockfile = true\nuse_path_style = true\nendpoints = {{ s3 = "{endpoint}" }}\n'
            "skip_requesting_account_id = true\n"
            if lockfile
            else f'force_path_style = true\nendpoint = "{endpoint}"\n'
        )
        self.settings = (
            f'backend = "s3"\nbucket = "{self._bucket}"\nkey = "{self.place}"\nregion = "us-east-1"\n'
            f"skip_credentials_validation = true\nskip_metadata_api_check = true\n{arguments}"
        )
        self.credentials = {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": SECRET}

    @classmethod
    @contextmanager
    def running(cls, folder: Path, *, lockfile: bool) -> Iterator[S3Server]:
        """Start a server with an empty bucket below `folder`, and yield it.

        `lockfile` states whether Terraform supports lock files in the bucket.
        """
        buckets, metadata = folder / "buckets", folder / "metadata"
        (buckets / cls._bucket).mkdir(parents=True)
        # Some file systems do not support extended attributes, so the server stores metadata in a folder instead.
        metadata.mkdir()
        with socket.socket() as free:
            free.bind((LOCAL, 0))
            port = free.getsockname()[1]
        command = [str(PROGRAM), "--quiet", "--port", f"{LOCAL}:{port}", "posix", "--sidecar", str(metadata)]
        environment = {**os.environ, "ROOT_ACCESS_KEY": USER, "ROOT_SECRET_KEY": SECRET}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, str(buckets)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        with process:
            try:
                until(lambda: process.poll() is not None or _accepts_connections(port), f"{PROGRAM.name} to serve")
                assert process.poll() is None, (folder / "log").read_text()
                yield cls(buckets, port, lockfile=lockfile)
            finally:
                process.kill()

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the stored states, by place."""
        return {place: content for place, content in self._objects().items() if not place.endswith(self._lock)}

    def locks(self) -> dict[str, dict[str, Any]]:
        """Return the held locks, by the place of their state."""
        return {
            place.removesuffix(self._lock): content
            for place, content in self._objects().items()
            if place.endswith(self._lock)
        }

    def _objects(self) -> dict[str, dict[str, Any]]:
        found = {}
        for path in self._states.rglob("*"):
            # Another process can delete a file after the listing.
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                found[path.relative_to(self._states).as_posix()] = json.loads(path.read_text())
        return found


class HttpServer(StateServer):
    """A state server with the minimal REST API of the backend http."""

    place = "/states/{fleet}"

    def __init__(self, port: int) -> None:
        address = f"http://{LOCAL}:{port}{self.place}"
        self.settings = "".join(
            f'{name} = "{value}"\n'
            for name, value in {
                "backend": "http",
                "address": address,
                "lock_address": address,
                "unlock_address": address,
            }.items()
        )
        self.credentials = {"TF_HTTP_USERNAME": USER, "TF_HTTP_PASSWORD": SECRET}
        self.held: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, bytes] = {}
        self.guard = threading.Lock()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[HttpServer]:
        """Start a server without states, and yield it."""
        with ThreadingHTTPServer((LOCAL, 0), _Requests) as listening:
            server = cls(listening.server_port)
            listening.states = server  # type: ignore[attr-defined]
            thread = threading.Thread(target=listening.serve_forever)
            thread.start()
            try:
                yield server
            finally:
                listening.shutdown()
                thread.join()

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the stored states, by place."""
        with self.guard:
            return {place: json.loads(state) for place, state in self.kept.items()}

    def locks(self) -> dict[str, dict[str, Any]]:
        """Return the held locks, by the place of their state."""
        with self.guard:
            return dict(self.held)


class _Requests(BaseHTTPRequestHandler):
    """Request handler for the protocol of developer.hashicorp.com/terraform/language/backend/http."""

    def _handle(self) -> None:
        server: HttpServer = self.server.states  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {given}":
            code, answer = 401, b""
        else:
            with server.guard:
                code, answer = self._answer(server, body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_LOCK = do_UNLOCK = _handle  # noqa: N815 (names of the base class)

    def _answer(self, server: HttpServer, body: bytes) -> tuple[int, bytes]:
        url = urlsplit(self.path)
        place, holder = url.path, server.held.get(url.path)
        if self.command == "GET":
            return (200, server.kept[place]) if place in server.kept else (404, b"")
        if holder and not self._is_from_holder(holder, parse_qs(url.query), body):
            return 423, json.dumps(holder).encode()
        if self.command == "LOCK":
            server.held[place] = json.loads(body)
        elif self.command == "UNLOCK":
            server.held.pop(place, None)
        else:
            server.kept[place] = body
        return 200, b""

    def _is_from_holder(self, holder: Mapping[str, Any], query: Mapping[str, list[str]], body: bytes) -> bool:
        """Return whether the client that sent a writing request holds the lock."""
        if self.command == "POST":
            return query.get("ID") == [holder["ID"]]
        # `terraform force-unlock` sends an empty body.
        return self.command == "UNLOCK" and (not body or json.loads(body)["ID"] == holder["ID"])

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Do not write a log."""


def _accepts_connections(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOCAL, port), timeout=1):
        return True
    return False
