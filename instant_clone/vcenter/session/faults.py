# SPDX-License-Identifier: MPL-2.0
"""Mapping of pyvmomi's faults and network errors to errors for the user."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from instant_clone.errors import ConnectError, Finding, LoginError, NotFoundError, VcenterError
from instant_clone.vcenter.session.properties import ReadObject

__all__ = ["fault_name", "fault_text", "refusals", "vcenter_errors"]


@contextmanager
def vcenter_errors(server: str, *, doing: str = "") -> Iterator[None]:
    """Convert errors of the block to VcenterErrors that name the server and the operation `doing`.

    Faults of the API become LoginError (vCenter refuses the session or the login), NotFoundError (an object no longer
    exists) or VcenterError. A broken or refused connection becomes ConnectError. The message has the text of vCenter's
    fault. Errors of this project are not converted.
    """
    where = f"{server} ({doing})" if doing else server
    try:
        yield
    except vmodl.MethodFault as fault:
        raise _from_fault(fault, where) from fault
    except (OSError, HTTPException, ExpatError) as error:
        raise _from_connection(error, where) from error


def refusals(read: ReadObject, where: str) -> list[Finding]:
    """Return a finding for each reason why vCenter did not return a requested property of an object.

    vCenter leaves out properties that the user may not read, as if they were unset.
    """
    findings: dict[Finding, None] = {}
    for path, fault in sorted(read.refused.items()):
        if isinstance(fault, vim.fault.NoPermission):
            # The fault does not always name its object.
            findings[_lacking(fault, where, read.object)] = None
        else:
            what = f"vCenter refuses to read {path} of {read.id}: {fault_text(fault)}."
            findings[Finding(where, what, "Run the command again.")] = None
    return list(findings)


def fault_name(fault: object) -> str:
    """Return the name of a fault or of another type of the API, such as "InvalidLogin"."""
    return type(fault).__name__.rpartition(".")[2]


def _from_fault(fault: vmodl.MethodFault, where: str) -> VcenterError:
    if isinstance(fault, vim.fault.InvalidLogin):
        return LoginError(
            Finding(where, "vCenter refuses the user name or the password.", "Check VSPHERE_USER and VSPHERE_PASSWORD.")
        )
    if isinstance(fault, vim.fault.NotAuthenticated):
        return LoginError(Finding(where, "the session has ended.", "Run the command again."))
    if isinstance(fault, vim.fault.NoPermission):
        return VcenterError(_lacking(fault, where, fault.object))
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        what = f"vCenter no longer has {_identifier(fault.obj)}."
        return NotFoundError(Finding(where, what, "Run the command again."))
    return VcenterError(Finding(where, f"vCenter answers with {fault_text(fault)}."))


def _lacking(fault: vim.fault.NoPermission, where: str, entity: object) -> Finding:
    entries = fault.missingPrivileges or []
    known = [each for entry in entries for each in entry.privilegeIds] or [fault.privilegeId or ""]
    privileges = [each for each in dict.fromkeys(known) if each]
    name = f"the privilege{'s' if len(privileges) > 1 else ''} {', '.join(privileges)}" if privileges else "a privilege"
    return Finding(where, f"the user lacks {name}{_on(entity)}.", "Ask for the privilege, or log in as another user.")


def _on(entity: object) -> str:
    return f" on {_identifier(entity)}" if entity is not None else ""


def _identifier(entity: object) -> str:
    # Reading the name would cost a request, which may fail for the same reason.
    return str(getattr(entity, "_moId", None) or "the object")


def fault_text(fault: object) -> str:
    """Return the name of a fault and vCenter's message, such as "InvalidState: The operation is not allowed"."""
    message = str(getattr(fault, "msg", None) or "").strip().rstrip(".")
    return f"{fault_name(fault)}: {message}" if message else fault_name(fault)


def _unusable_authorities(path: str | None) -> str:
    """Return the problem with the file in SSL_CERT_FILE, or "" if it is usable. OpenSSL ignores an unusable file."""
    if not path:
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return f"SSL_CERT_FILE is {path}, which has no certificate in PEM format."
    except OSError as error:
        return f"SSL_CERT_FILE is {path}, which cannot be read: {error.strerror}."
    return ""


def _from_connection(error: Exception, where: str) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"the certificate is not trusted: {error.verify_message.rstrip('.')}."
        unusable = _unusable_authorities(os.environ.get("SSL_CERT_FILE"))
        cure = (
            "Set SSL_CERT_FILE to the certificate of the server's authority,"
            " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to skip the verification."
        )
        return ConnectError(Finding(where, f"{what} {unusable}".rstrip(), cure))
    cure = "Check VSPHERE_SERVER and the network."
    if isinstance(error, TimeoutError):
        return ConnectError(Finding(where, "the server did not answer in time.", cure))
    if isinstance(error, socket.gaierror):
        return ConnectError(Finding(where, "the name of the server cannot be resolved.", cure))
    if isinstance(error, ssl.SSLError):
        return ConnectError(Finding(where, f"no TLS connection: {error.reason or error.strerror}.", cure))
    if isinstance(error, ExpatError):
        return ConnectError(Finding(where, "the answer is not from vCenter's API.", cure))
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ConnectError(Finding(where, f"no connection: {str(reason).rstrip('.')}.", cure))
