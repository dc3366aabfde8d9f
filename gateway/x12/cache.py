"""Keeps what guides say once they were read from XML, so that a warm start reads none.

A file is named by what it was made from: a hash over the guide, its code lists, its corrections and this program's
version of the form; its first line is a hash over the rest, so that a damaged one is read anew. It holds what the guide
says and nothing of any document. Where it cannot be kept, guides are read anew each time.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from gateway.x12 import nodes, overlay, source
from gateway.x12.nodes import LoopNode

FORM = 2  # of the files; raised when ``nodes`` or what ``source`` makes of a guide changes
_FOLDER = "therapy-gateway"


def load(name: str, top: str = nodes.ROOT) -> LoopNode:
    """What the guide of this file name says, with its corrections.

    Raises GatewayError where there is no such guide, or it or its corrections cannot be read.
    """
    path = folder() / f"{_key(name, top)}.json"
    with contextlib.suppress(OSError, ValueError):
        digest, _, content = path.read_bytes().partition(b"\n")
        if digest == _digest(content):
            return nodes.tree(json.loads(content))
    read = source.read(name, top)
    corrections = source.own_file(source.corrections(name))
    if corrections is not None and top == nodes.ROOT:
        overlay.correct(read, corrections)
    with contextlib.suppress(OSError):
        content = json.dumps(nodes.plain(read), separators=(",", ":")).encode()
        _keep(path, _digest(content) + b"\n" + content)
    return read


def folder() -> Path:
    """Where the files are: GATEWAY_CACHE, else this user's own folder for caches; one that cannot be for whoever has no
    home."""
    named = os.environ.get("GATEWAY_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / _FOLDER
    except RuntimeError:
        return Path(os.devnull) / _FOLDER


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()


def _key(name: str, top: str) -> str:
    made = hashlib.blake2b(f"{FORM} {name} {top} {version('pyx12')}".encode(), digest_size=16)
    for each in source.files(name):
        made.update(each.read_bytes())
    return f"{Path(name).stem}.{top}.{made.hexdigest()}"


def _keep(path: Path, content: bytes) -> None:
    """Written beside and renamed, so that nobody reads half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
