"""No test reaches a network: what Python's sockets do is refused by an audit hook, below every library."""

from __future__ import annotations

import socket
import sys
from typing import Any, Literal

Allowed = Literal["nothing", "loopback", "everything"]

LOOPBACK_NAMES = {None, "", "localhost", "127.0.0.1", "::1"}
_allowed: Allowed = "everything"
_installed = False


class NetworkBlockedError(RuntimeError):
    """A test, or the code it runs, wanted to talk to an address that it may not talk to."""


def allow(what: Allowed) -> None:
    """From now on this process may talk to nothing, to its own machine, or to everything."""
    global _allowed, _installed
    _allowed = what
    if not _installed:  # an audit hook cannot be taken away again
        sys.addaudithook(_refuse_network)
        _installed = True


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if _allowed == "everything" or not event.startswith("socket."):
        return
    host = _host(event, arguments)
    if host == "none" or (_allowed == "loopback" and host in LOOPBACK_NAMES):
        return
    raise NetworkBlockedError(
        f"{event} to {host!r} in a test: serve it on the loopback address and use the fixture `loopback`"
    )


def _host(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The address an event is about; `none` where nothing is addressed, as in a socket of the file system."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
        return host.decode() if isinstance(host, bytes) else host
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        opened, address = arguments
        if opened.family in (socket.AF_INET, socket.AF_INET6) and address:
            return str(address[0])
    return "none"
