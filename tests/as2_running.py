"""Starts the peers that a test asks for, each once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from as2_peers import Peer, Wish, bouncy_castle, libas2, require
from openssl_peer import OpenSsl

STARTS: dict[str, Callable[[Path], Peer]] = {"BouncyCastle": bouncy_castle, "OpenSSL": OpenSsl, "libas2": libas2}


class Running(dict[str, Peer]):
    """Peers by name, with the key pairs of a folder. One that is missing skips the test that asks for it."""

    def __init__(self, keys: Path, closes: ExitStack) -> None:
        super().__init__()
        self._keys, self._closes = keys, closes

    def __missing__(self, name: str) -> Peer:
        require(name)
        self[name] = self._closes.enter_context(closing(STARTS[name](self._keys)))
        return self[name]


@contextmanager
def running(keys: Path) -> Iterator[Running]:
    """They end with the context."""
    with ExitStack() as closes:
        yield Running(keys, closes)


def between(wish: Wish, sender: str, reader: str) -> Wish:
    """The same message, sent by one party to the other; an elliptic key stays one."""
    return replace(wish, me=sender + wish.me.removeprefix("them"), you=reader)
