"""Trying a mailbox step by step; the last steps of one of files: one of ours is written, read, renamed and removed.

Its name ends like that of an upload which isn't finished, so no poller takes it. It is removed whatever happens.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Protocol

from gateway.errors import GatewayError, PartnerRefused, PartnerUnreachable
from gateway.transport.base import Check

Steps = Iterable[tuple[str, str]]
"""(step, "") before each step and (step, what was found) after it; raises GatewayError where one fails."""

CONTENT = b"A test of the connection. This file can be removed.\n"


class Outbox(Protocol):
    """What a transport does for the probe, each in its outbox. Raises GatewayError."""

    def write(self, name: str, content: bytes) -> None: ...

    def read(self, name: str) -> bytes | None:
        """None where the far side shows nobody what lies there."""
        ...

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, name: str) -> None: ...


def checked(steps: Steps) -> list[Check]:
    """What each step found, up to the one that failed."""
    checks: list[Check] = []
    step = ""
    try:
        for step, words in steps:
            if words:
                checks.append(Check(step, True, words))
    except GatewayError as error:
        checks.append(Check(step, False, str(error)))
    return checks


def try_out(outbox: Outbox, suffix: str) -> Iterator[tuple[str, str]]:
    """The steps of writing into an outbox."""
    mark = secrets.token_hex(6)
    first, second = f"gateway-test-{mark}-1{suffix}", f"gateway-test-{mark}-2{suffix}"
    lying = [first]
    try:
        yield "write", ""
        outbox.write(first, CONTENT)
        yield "write", f"a test file of {len(CONTENT)} bytes was written into the outbox"
        yield "read", ""
        yield "read", _read(outbox, first)
        yield "rename", ""
        lying.append(second)
        outbox.rename(first, second)
        yield "rename", "it could be renamed, as each upload is when it is whole"
        yield "remove", ""
        _remove(outbox, second)
        lying.clear()
        yield "remove", "it is gone again"
    finally:
        for name in lying:
            with suppress(GatewayError):
                outbox.remove(name)


def _read(outbox: Outbox, name: str) -> str:
    found = outbox.read(name)
    if found is None:
        return "it may not be read there; each upload is proved by its answers alone"
    if found != CONTENT:
        fix = "The server alters what is written (a text mode, a filter). Ask the partner to turn that off"
        raise PartnerUnreachable(f"{len(found)} other bytes came back than were written", fix=fix)
    return "it was read back as it was written"


def _remove(outbox: Outbox, name: str) -> None:
    try:
        outbox.remove(name)
    except PartnerRefused as error:
        fix = f"Ask the partner for the right to remove what we wrote, and to remove {name}"
        raise PartnerRefused(error.what, where=error.where, fix=fix) from error
