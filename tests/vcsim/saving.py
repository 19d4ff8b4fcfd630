# SPDX-License-Identifier: MPL-2.0
"""Save the inventory of the simulator as the command `govc object.save` does, for the flag -load."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pyVmomi import VmomiSupport, vim

from testkit.simulator import Simulator
from tests.vcsim.client import Client

__all__ = ["save"]

NAMESPACE = "{urn:vim25}"
REFERENCES = ("environmentBrowser", "browser")
"""Properties of an inventory object with further objects to save."""
HOST_REFERENCES = ("networkSystem", "datastoreSystem", "virtualNicManager")
"""Properties of a host's configManager with further objects to save."""

ENVELOPE = (
    '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>'
    '<{method} xmlns="urn:vim25"><_this type="{type}">{id}</_this>{arguments}</{method}>'
    "</Body></Envelope>"
)
READ = (
    "<specSet><propSet><type>{type}</type>{properties}</propSet>"
    '<objectSet><obj type="{type}">{id}</obj></objectSet></specSet><options></options>'
)

ElementTree.register_namespace("xsi", "http://www.w3.org/2001/XMLSchema-instance")


def save(simulator: Simulator, folder: Path) -> None:
    """Save the ServiceInstance, the objects that it names, and all objects of the inventory with their properties.

    The names and the content of the files are those of `govc object.save` (govmomi v0.56.0, cli/object/save.go,
    save.save). Alarms, tasks and the answers of methods other than QueryConfigOption are not saved.
    """
    with Client(simulator) as client:
        for number, thing in enumerate(_objects(client)):
            kind, identifier = _reference(thing)
            answer = _call(client, client.content.propertyCollector, "RetrievePropertiesEx", _read(thing))
            (content,) = answer.iter(f"{NAMESPACE}objects")
            _write(folder / f"{number:04d}-{kind}-{identifier}.xml", content, "ObjectContent")
            if kind == "EnvironmentBrowser":
                answer = _call(client, thing, "QueryConfigOption")
                methods = folder / f"{kind}-{identifier}"
                methods.mkdir()
                _write(methods / "QueryConfigOption.xml", answer, answer.tag.removeprefix(NAMESPACE))


def _objects(client: Client) -> Iterator[Any]:
    """Yield each object once, in the order in which `govc object.save` saves the objects."""
    found: list[Any] = [client.instance]
    found += [getattr(client.content, each.name) for each in client.content._GetPropertyList()]
    view = client.content.viewManager.CreateContainerView(client.content.rootFolder, [], recursive=True)
    for thing in view.view:
        found += [thing, *(getattr(thing, name, None) for name in REFERENCES)]
        if isinstance(thing, vim.HostSystem):
            found += [getattr(thing.configManager, name) for name in HOST_REFERENCES]
    view.Destroy()
    yield from {str(thing): thing for thing in found if isinstance(thing, VmomiSupport.ManagedObject)}.values()


def _reference(thing: Any) -> tuple[str, str]:
    """Return the type and the id of an object."""
    return VmomiSupport.GetWsdlName(type(thing)), thing._moId


def _read(thing: Any) -> str:
    """Return the arguments of RetrievePropertiesEx that read all properties of an object."""
    kind, identifier = _reference(thing)
    properties = "<pathSet>content</pathSet>" if kind == "ServiceInstance" else "<all>true</all>"
    return READ.format(type=kind, id=identifier, properties=properties)


def _call(client: Client, thing: Any, method: str, arguments: str = "") -> Element:
    """Call a method of an object and return its response element."""
    kind, identifier = _reference(thing)
    body = ENVELOPE.format(method=method, type=kind, id=identifier, arguments=arguments)
    stub = client.instance._stub
    request = urllib.request.Request(
        f"https://{stub.host}/sdk", body.encode(), {"Cookie": stub.cookie, "Content-Type": "text/xml"}
    )
    with urllib.request.urlopen(request, context=ssl._create_unverified_context()) as answer:
        (response,) = ElementTree.parse(answer).getroot().iter(f"{NAMESPACE}{method}Response")
    return response


def _write(path: Path, element: Element, name: str) -> None:
    """Write an element under another name, and without its namespace."""
    for each in element.iter():
        each.tag = each.tag.removeprefix(NAMESPACE)
    element.tag = name
    path.write_bytes(ElementTree.tostring(element))
