"""The sandbox's open connections, so that faults can break them below HTTP."""

import asyncio
import socket
import struct

from runner.insight.sandbox.faults import Faults

Peer = tuple[str, int]


class Connections:
    """Finds the connection of a request by the address of its other end."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._transports: dict[Peer, asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        if self._faults.refuses():
            _reset(transport)
            return
        self._transports[_peer(transport)] = transport

    def closed(self, transport: asyncio.Transport) -> None:
        self._transports.pop(_peer(transport), None)

    def reset(self, peer: Peer) -> None:
        """Ends the connection with a TCP reset, as a crashing server or a firewall does."""
        transport = self._transports.get(tuple(peer))  # type: ignore[arg-type]  # ASGI gives a list or a tuple
        if transport is not None:
            _reset(transport)

    def reset_all(self) -> None:
        for transport in list(self._transports.values()):
            _reset(transport)


def _reset(transport: asyncio.Transport) -> None:
    raw = transport.get_extra_info("socket")
    if raw is not None:
        # Lingering for no time makes the kernel send a reset instead of an orderly end.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _peer(transport: asyncio.Transport) -> Peer:
    address = transport.get_extra_info("peername") or ("", 0)
    return address[0], address[1]
