"""Outside: what an event loop offers and a simulated one refuses, each time with a reason."""

from __future__ import annotations

from asyncio import base_events, events
from collections.abc import Callable
from typing import Any, NoReturn

from hot_reload_conformance.simulation.escape import Fence, SimulationEscape

_REFUSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("a thread", ("run_in_executor",)),
    (
        "a socket",
        (
            "add_reader",
            "add_writer",
            "connect_accepted",
            "create_connection",
            "create_datagram",
            "create_server",
            "create_unix",
            "getaddrinfo",
            "getnameinfo",
            "sendfile",
            "sock_",
            "start_tls",
        ),
    ),
    ("a process", ("connect_read_pipe", "connect_write_pipe", "subprocess_")),
    ("a signal", ("add_signal_handler",)),
)
"""What it would be, and how the methods' names begin."""
_PLAIN = ("run_in_executor", "add_reader", "add_writer", "add_signal_handler")
"""Those that are no coroutine functions."""


class SealedLoop(base_events.BaseEventLoop):
    """A loop without threads, sockets, processes and signals: asking for one is an escape."""

    fence: Fence

    def escapes(self, what: str) -> NoReturn:
        """Note that ``what`` was asked for.

        Raises:
            SimulationEscape: always.
        """
        self.fence.note(what)
        raise SimulationEscape(
            f"{what} leaves the simulation: what happens there cannot be decided or replayed; "
            "give the subject a port for it, or test it in real time"
        )


def _refusing(what: str) -> Callable[..., Any]:
    def refused(self: SealedLoop, *args: Any, **options: Any) -> Any:
        self.escapes(what)

    return refused


def _refusing_coroutine(what: str) -> Callable[..., Any]:
    async def refused(self: SealedLoop, *args: Any, **options: Any) -> Any:
        self.escapes(what)

    return refused


for _what, _prefixes in _REFUSED:
    for _name in dir(events.AbstractEventLoop):
        if _name.startswith(_prefixes):
            _make = _refusing if _name in _PLAIN else _refusing_coroutine
            setattr(SealedLoop, _name, _make(f"{_what} ({_name})"))
