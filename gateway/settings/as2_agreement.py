"""What must agree between ``[as2]`` and the partners that are reached over AS2, and between the keys of one of them.

Looks at the documents as parsed, as ``agreement`` does, and at no certificate: those are judged by the transport.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.settings.agreement import Document, Mistake, table, tables
from gateway.settings.places import Path

WEAK = {"sign": ("sha1",), "encrypt": ("3des",), "key_transport": ("oaep-sha1",)}
_KEY_USE = {"sign": "signs", "decrypt": "decrypts"}


def own_mistakes(file: str, gateway: Document) -> Iterator[Mistake]:
    """Identities that are there twice, and keys that are not there or in two ways."""
    seen: set[str] = set()
    for position, identity in tables(table(gateway, "as2"), "identities"):
        for number, key in tables(identity, "keys"):
            pair = [name for name in ("certificate", "key") if key.get(name)]
            if len(pair) != (0 if key.get("pkcs12") else 2):
                place: Path = ("as2", "identities", position, "keys", number)
                fix = "Write certificate and key, or pkcs12 alone, which holds both"
                yield Mistake(file, place, "a key needs its certificate, and both from one place", fix)
        name = identity.get("name")
        if isinstance(name, str):
            if name in seen:
                path: Path = ("as2", "identities", position, "name")
                fix = "Put all keys of one name under one identity"
                yield Mistake(file, path, f"the AS2 name {name} is there twice", fix)
            seen.add(name)


def partner_mistakes(file: str, document: Document, gateway: Document | None) -> Iterator[Mistake]:
    """Mistakes of one partner's file. ``gateway`` is None where that file could not be read: nothing is said of it."""
    transport = table(document, "transport")
    if transport.get("kind") != "as2":
        return
    yield from _missing_certificates(file, transport)
    yield from _weak(file, transport)
    yield from _unprotected(file, transport)
    if bool(transport.get("username")) != bool(transport.get("password")):
        fix = "Write both, or neither"
        yield Mistake(file, ("transport",), "a login needs a username and a password, and one is missing", fix)
    if gateway is not None and document.get("enabled") is not False:
        yield from _identity(file, transport, table(gateway, "as2"))


def named_twice(partners: Mapping[str, Document]) -> Iterator[Mistake]:
    """Two partners with the same two AS2 names: nobody could tell whom a message is from."""
    seen: dict[tuple[str, str], str] = {}
    for file, document in partners.items():
        transport = table(document, "transport")
        us, them = transport.get("us"), transport.get("them")
        if transport.get("kind") != "as2" or document.get("enabled") is False:
            continue
        if isinstance(us, str) and isinstance(them, str):
            if (us, them) in seen:
                what = f"a message from {them} to {us} could be of {seen[us, them]}, too"
                yield Mistake(file, ("transport", "them"), what, "Give one of them another AS2 name, or take it out")
            seen.setdefault((us, them), file)


def _missing_certificates(file: str, transport: Document) -> Iterator[Mistake]:
    if not transport.get("signing_certificates"):
        asked = "what comes in must be signed" if transport.get("require_signature", True) else ""
        if transport.get("mdn", "sync") != "none" and transport.get("mdn_signed", True):
            asked = asked or "signed receipts are asked for"
        if asked:
            path = ("transport", "signing_certificates")
            fix = "Ask the partner for the certificate that it signs with, and name its file here"
            yield Mistake(file, path, f"{asked}, and no certificate of the partner's is named", fix)
    if transport.get("encrypt", "aes256-cbc") and not transport.get("encryption_certificates"):
        path = ("transport", "encryption_certificates")
        fix = "Ask the partner for the certificate to encrypt for, and name its file here"
        yield Mistake(file, path, "what goes out is encrypted, and no certificate of the partner's is named", fix)


def _weak(file: str, transport: Document) -> Iterator[Mistake]:
    allowed = transport.get("allow")
    for key, names in WEAK.items():
        name = transport.get(key)
        if name in names and not (isinstance(allowed, list) and name in allowed):
            fix = f'Ask the partner for a better one; if it has none, write allow = ["{name}"]'
            yield Mistake(file, ("transport", key), f"{name} is weak, and this partner's file does not allow it", fix)


def _unprotected(file: str, transport: Document) -> Iterator[Mistake]:
    url = transport.get("url")
    scheme, host = _address(url) if isinstance(url, str) else ("", "")
    if scheme != "http":
        return
    path = ("transport", "url")
    if transport.get("tls_certificates") or transport.get("tls_client"):
        yield Mistake(file, path, "certificates for TLS are named, and this URL uses none", "Write https://")
    if _is_loopback(host):
        return
    if not transport.get("encrypt", "aes256-cbc"):
        fix = "Write https://, or encrypt what is sent"
        yield Mistake(file, path, "patients' data would travel in the clear", fix)
    if transport.get("password"):
        yield Mistake(file, path, "the password would travel in the clear", "Write https://, or leave the login out")


def _identity(file: str, transport: Document, as2: Document) -> Iterator[Mistake]:
    us = transport.get("us")
    named = ((each.get("name"), each) for _, each in tables(as2, "identities"))
    identities = {name: each for name, each in named if isinstance(name, str)}
    if isinstance(us, str) and us not in identities:
        known = ", ".join(sorted(identities)) or "none yet"
        fix = f"Write one of ours ({known}), or add it to [[as2.identities]] of gateway.toml"
        yield Mistake(file, ("transport", "us"), "this is none of our AS2 names", fix)
    elif isinstance(us, str):
        for use, asked in (
            ("sign", bool(transport.get("sign", "sha256"))),
            ("decrypt", transport.get("require_encryption", True) is not False),
        ):
            keys = [each for _, each in tables(identities[us], "keys")]
            if asked and keys and not any(use in _uses(each) for each in keys):
                what = f"no key of our AS2 name {us} {_KEY_USE[use]}"
                fix = f'Write "{use}" into the use of one of its keys in gateway.toml'
                yield Mistake(file, ("transport", "us"), what, fix)
    if transport.get("mdn") == "async" and not as2.get("url"):
        fix = "Write [as2] url in gateway.toml, as the partner reaches us, or ask for synchronous ones"
        yield Mistake(file, ("transport", "mdn"), "receipts are to come later, and nobody knows where to", fix)


def _uses(key: Document) -> list[Any]:
    use = key.get("use", ["sign", "decrypt"])
    return use if isinstance(use, list) else []


def _address(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
