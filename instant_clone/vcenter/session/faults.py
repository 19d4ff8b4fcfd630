# SPDX-License-Identifier: MPL-2.0
"""Mapping of pyvmomi's faults and network errors to errors for the user."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from instant_clone.errors import ConnectError, Finding, LoginError, NotFoundError, VcenterError
from instant_clone.vcenter.session.https import CertificateNameError, ProxyError
from instant_clone.vcenter.session.properties import ReadObject
from instant_clone.vcenter.session.tasks import LOST_CONNECTION

__all__ = ["fault_chain", "fault_text", "find_cause", "refusals", "type_name", "vcenter_errors"]

Fault = TypeVar("Fault", bound=vmodl.MethodFault)
_SHOWN_NAMES = 5
"""of a certificate"""
_SKIP = " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to skip the verification."
_WRONG_TIME = frozenset({9, 10})
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED (openssl/x509_vfy.h)"""


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
        raise _error_from_fault(fault, where) from fault
    except LOST_CONNECTION as error:
        raise ConnectError(Finding(where, *_connection_problem(error))) from error


def refusals(read: ReadObject, where: str) -> list[Finding]:
    """Return a finding for each reason why vCenter did not return a requested property of an object.

    vCenter leaves out properties that the user may not read, as if they were unset.
    """
    findings: dict[Finding, None] = {}
    for path, fault in sorted(read.refused.items()):
        denied = find_cause(fault, vim.fault.NoPermission)
        if denied is not None:
            # The fault does not always name its object.
            findings[_missing_privilege_finding(denied, where, read.object)] = None
        else:
            what = f"vCenter refuses to read {path} of {read.id}: {fault_text(fault)}."
            findings[Finding(where, what, "Run the command again.")] = None
    return list(findings)


def type_name(value: object) -> str:
    """Return the API's class name of an object, such as "FlatVer2BackingInfo", without the enclosing class."""
    return type(value).__name__.rpartition(".")[2]


def fault_chain(fault: object) -> tuple[vmodl.MethodFault, ...]:
    """Return a fault and the faults that caused it, with the innermost fault last. Each fault is listed once.

    vCenter often wraps the fault that explains a failure. For example, SystemError with the cause GenericVmConfigFault
    means that a disk chain is too long (VMware knowledge base, article 320221). The property is
    MethodFault.faultCause in the vSphere API reference.
    """
    chain: list[vmodl.MethodFault] = []
    while isinstance(fault, vmodl.MethodFault) and all(fault is not each for each in chain):
        chain.append(fault)
        fault = fault.faultCause
    return tuple(chain)


def find_cause(fault: object, kind: type[Fault] | tuple[type[Fault], ...]) -> Fault | None:
    """Return the innermost fault of type `kind` in the chain of `fault`, or None."""
    return next((each for each in reversed(fault_chain(fault)) if isinstance(each, kind)), None)


def fault_text(fault: object) -> str:
    """Return the names and messages of a fault and of the faults that caused it.

    The form is "SystemError: Launch failure, caused by GenericVmConfigFault: Unable to prepare migration".
    """
    return ", caused by ".join(map(_own_text, fault_chain(fault))) or type_name(fault)


def _own_text(fault: vmodl.MethodFault) -> str:
    """Return the name of a fault and its texts: the message, the reason, and the messages of faultMessage."""
    reason = getattr(fault, "reason", None)
    given = [
        getattr(fault, "msg", None),
        reason if isinstance(reason, str) else "",
        *map(_message_text, fault.faultMessage or ()),
    ]
    texts: list[str] = []
    for text in (str(each or "").strip().rstrip(".") for each in given):
        # The texts of one fault often repeat each other.
        if not any(text in known for known in texts):
            texts.append(text)
    return ": ".join(filter(None, (type_name(fault), "; ".join(filter(None, texts)))))


def _message_text(message: Any) -> str:
    """Return the text of a LocalizableMessage, or its key and its arguments if vCenter has no text for the key."""
    if message.message:
        return str(message.message)
    arguments = ", ".join(f"{each.key}={each.value}" for each in message.arg or ())
    return f"{message.key} ({arguments})" if arguments else str(message.key)


def _error_from_fault(fault: vmodl.MethodFault, where: str) -> VcenterError:
    if find_cause(fault, vim.fault.InvalidLogin) is not None:
        return LoginError(
            Finding(where, "vCenter refuses the user name or the password.", "Check VSPHERE_USER and VSPHERE_PASSWORD.")
        )
    denied = find_cause(fault, vim.fault.NoPermission)
    # NotAuthenticated is a subclass of NoPermission.
    if isinstance(denied, vim.fault.NotAuthenticated):
        return LoginError(Finding(where, "the session has ended.", "Run the command again."))
    if denied is not None:
        return VcenterError(_missing_privilege_finding(denied, where, denied.object))
    # Only the outermost fault counts. Callers treat NotFoundError as "the VM no longer exists", but a cause may be
    # about another object.
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        what = f"vCenter no longer has {_identifier(fault.obj)}."
        return NotFoundError(Finding(where, what, "Run the command again."))
    return VcenterError(Finding(where, f"vCenter answers with {fault_text(fault)}."))


def _missing_privilege_finding(fault: vim.fault.NoPermission, where: str, entity: object) -> Finding:
    entries = fault.missingPrivileges or []
    known = [each for entry in entries for each in entry.privilegeIds] or [fault.privilegeId or ""]
    privileges = [each for each in dict.fromkeys(known) if each]
    name = f"the privilege{'s' if len(privileges) > 1 else ''} {', '.join(privileges)}" if privileges else "a privilege"
    place = f" on {_identifier(entity)}" if entity is not None else ""
    return Finding(where, f"the user lacks {name}{place}.", "Ask for the privilege, or log in as another user.")


def _identifier(entity: object) -> str:
    # Reading the name would cost a request, which may fail for the same reason.
    return str(getattr(entity, "_moId", None) or "the object")


def _unusable_authorities(path: str | None) -> str:
    """Return the problem with the file in SSL_CERT_FILE, or an empty string if it is usable.

    OpenSSL ignores an unusable file.
    """
    if not path:
        return ""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return f"SSL_CERT_FILE is {path}, which has no certificate in PEM format."
    except OSError as error:
        return f"SSL_CERT_FILE is {path}, which cannot be read: {error.strerror}."
    return ""


def _connection_problem(error: Exception) -> tuple[str, str]:
    """Return the problem with a connection, and the action for the user."""
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"the certificate is not trusted: {error.verify_message.rstrip('.')}."
        if error.verify_code in _WRONG_TIME:
            return what, f"Check the clock of this machine, renew the server's certificate,{_SKIP}"
        unusable = _unusable_authorities(os.environ.get("SSL_CERT_FILE"))
        return f"{what} {unusable}".rstrip(), f"Set SSL_CERT_FILE to the certificate of the server's authority,{_SKIP}"
    if isinstance(error, CertificateNameError):
        names, further = ", ".join(error.names[:_SHOWN_NAMES]), len(error.names) - _SHOWN_NAMES
        names += f" and {further} more" if further > 0 else ""
        instead = f"for {names}, not" if names else "not"
        what = f"the certificate is {instead} for {error.host}."
        return what, f"Set VSPHERE_SERVER to a name in the certificate,{_SKIP}"
    if isinstance(error, ProxyError):
        cure = "Check HTTPS_PROXY, or add the host to NO_PROXY for a direct connection."
        if error.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            cure = "Set the user and the password of the proxy in HTTPS_PROXY (http://user:password@host:port)."
        return f"no connection through the proxy {error.proxy}: {error.reason}.", cure
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    what = f"no connection: {str(reason).rstrip('.')}."
    if isinstance(error, TimeoutError):
        what = "the server did not answer in time."
    elif isinstance(error, socket.gaierror):
        what = "the name of the server cannot be resolved."
    elif isinstance(error, ssl.SSLError):
        what = f"no TLS connection: {error.reason or error.strerror}."
    elif isinstance(error, ExpatError):
        what = "the answer is not from vCenter's API."
    return what, "Check VSPHERE_SERVER and the network."
