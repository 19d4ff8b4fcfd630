"""What pyvmomi and the network raise, told to the user."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from xml.parsers.expat import ExpatError

from pyVmomi import vim, vmodl

from instant_clone.errors import ConnectError, Finding, LoginError, NotFoundError, VcenterError

__all__ = ["fault_name", "vcenter_errors"]


@contextmanager
def vcenter_errors(server: str, *, doing: str = "") -> Iterator[None]:
    """Turn what is raised inside into a VcenterError that names the server and, if given, what was being done.

    Faults of the API become LoginError (the session or the log-in is refused), NotFoundError (an object is
    gone) or VcenterError; a broken or refused connection becomes ConnectError. The message of the fault is
    vCenter's own. Errors of this project pass unchanged.
    """
    where = f"{server} ({doing})" if doing else server
    try:
        yield
    except vmodl.MethodFault as fault:
        raise _from_fault(fault, where) from fault
    except (OSError, HTTPException, ExpatError) as error:
        raise _from_connection(error, where) from error


def fault_name(fault: object) -> str:
    """The name of a fault or another type of the API, such as "InvalidLogin"."""
    return type(fault).__name__.rpartition(".")[2]


def _from_fault(fault: vmodl.MethodFault, where: str) -> VcenterError:
    if isinstance(fault, vim.fault.InvalidLogin):
        return LoginError(
            Finding(where, "vCenter refuses the user name or the password.", "Check VSPHERE_USER and VSPHERE_PASSWORD.")
        )
    if isinstance(fault, vim.fault.NotAuthenticated):
        return LoginError(Finding(where, "the session has ended.", "Start again."))
    if isinstance(fault, vim.fault.NoPermission):
        return VcenterError(
            Finding(
                where,
                f"the user lacks the privilege {fault.privilegeId or 'that this needs'}{_on(fault.object)}.",
                "Ask for it, or log in as another user.",
            )
        )
    if isinstance(fault, vmodl.fault.ManagedObjectNotFound):
        return NotFoundError(Finding(where, f"vCenter no longer has {_identifier(fault.obj)}.", "Start again."))
    return VcenterError(Finding(where, f"vCenter answers with {fault_name(fault)}{_said(fault)}."))


def _on(entity: object) -> str:
    return f" on {_identifier(entity)}" if entity is not None else ""


def _identifier(entity: object) -> str:
    # The name would cost a request, which may fail for the same reason.
    return str(getattr(entity, "_moId", None) or "the object")


def _said(fault: vmodl.MethodFault) -> str:
    message = str(getattr(fault, "msg", None) or "").strip().rstrip(".")
    return f": {message}" if message else ""


def _from_connection(error: Exception, where: str) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectError(
            Finding(
                where,
                f"the certificate is not trusted: {error.verify_message.rstrip('.')}.",
                "Name the certificate of its authority in SSL_CERT_FILE,"
                " or set VSPHERE_ALLOW_UNVERIFIED_SSL=true to go without verification.",
            )
        )
    cure = "Check VSPHERE_SERVER and the network."
    if isinstance(error, TimeoutError):
        return ConnectError(Finding(where, "no answer in time.", cure))
    if isinstance(error, socket.gaierror):
        return ConnectError(Finding(where, "the name of the server cannot be resolved.", cure))
    if isinstance(error, ssl.SSLError):
        return ConnectError(Finding(where, f"no TLS connection: {error.reason or error.strerror}.", cure))
    if isinstance(error, ExpatError):
        return ConnectError(Finding(where, "what answers is not vCenter's API.", cure))
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ConnectError(Finding(where, f"no connection: {str(said).rstrip('.')}.", cure))
