"""What must agree between places: ids that are there once, payers served by one partner, delimiters that differ.

Looks at the documents as parsed, before any of them is found valid, so that these mistakes are told beside all others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.settings import names
from gateway.settings.names import NAME_LENGTH_MAX
from gateway.settings.places import Path

Document = Mapping[str, Any]
_MARKS = {"element": "*", "component": ":", "repetition": "^", "terminator": "~"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong at a key path of a file."""

    file: str
    path: Path
    what: str
    fix: str


def organisation_mistakes(file: str, document: Document) -> Iterator[Mistake]:
    """Organisations with one id, and clinics with one id within their organisation."""
    organisations: dict[str, int] = {}
    for position, organisation in tables(document, "organisations"):
        yield from _repeated(file, ("organisations", position, "id"), organisation.get("id"), organisations, position)
        clinics: dict[str, int] = {}
        for place, clinic in tables(organisation, "clinics"):
            path: Path = ("organisations", position, "clinics", place, "id")
            yield from _repeated(file, path, clinic.get("id"), clinics, place)


def partner_mistakes(file: str, document: Document) -> Iterator[Mistake]:
    """Mistakes within one partner's file that only show when two of its keys are seen together."""
    envelope = table(document, "envelope")
    delimiters = {**_MARKS, **table(envelope, "delimiters")}
    first: dict[str, str] = {}
    for name in _MARKS:
        mark = delimiters[name]
        if not isinstance(mark, str):
            continue
        if mark in first:
            yield Mistake(
                file,
                ("envelope", "delimiters", name),
                f"the {name} delimiter is the same as the {first[mark]} delimiter",
                "Give each of the four a character of its own",
            )
        first.setdefault(mark, name)
    for name in ("sender", "receiver", "gs_sender", "gs_receiver"):
        value = envelope.get(name)
        if isinstance(value, str) and any(mark in value for mark in first):
            fix = "Choose other delimiters, or ask the partner for another id"
            yield Mistake(file, ("envelope", name), "the id contains one of the delimiters", fix)
    yield from _transport_mistakes(file, table(document, "transport"))


def name_mistakes(file: str, document: Document, gateway: Document) -> Iterator[Mistake]:
    """A name template whose names can get too long for the partner, or look like an upload that isn't finished."""
    template, limit = document.get("name_template", "{type}_{isa13}.edi"), document.get("name_max", NAME_LENGTH_MAX)
    if not isinstance(template, str) or not isinstance(limit, int) or names.fault(template)[0]:
        return
    organisations = [each for _, each in tables(gateway, "organisations")]
    ids = {
        "organisation": [each.get("id") for each in organisations],
        "clinic": [clinic.get("id") for each in organisations for _, clinic in tables(each, "clinics")],
    }
    shown = names.longest(
        template, {key: max((str(each) for each in found), key=len, default=names.ALL) for key, found in ids.items()}
    )
    if len(shown) > limit:
        what = f"a name can get {len(shown)} characters long ({shown}), and name_max is {limit}"
        yield Mistake(file, ("name_template",), what, "Shorten the template, or ask the partner for longer names")
    suffix = table(document, "transport").get("temporary_suffix", ".part")
    if isinstance(suffix, str) and suffix and template.endswith(suffix):
        fix = "End it otherwise, or choose another temporary_suffix"
        yield Mistake(file, ("name_template",), "files would look like uploads that aren't finished", fix)


def served_twice(partners: Mapping[str, Document]) -> Iterator[Mistake]:
    """Payers that two places offer for one transaction: nobody could tell where a claim would go."""
    seen: dict[tuple[str, str], str] = {}
    for file, document in partners.items():
        if document.get("enabled") is False:
            continue
        for position, payer in tables(document, "payers"):
            offered = payer.get("transactions", ["278", "837"])
            for transaction in offered if isinstance(offered, list) else []:
                key = (str(payer.get("id")), str(transaction))
                if key in seen:
                    yield Mistake(
                        file,
                        ("payers", position),
                        f"payer {key[0]} is served twice for the {key[1]}: {seen[key]} serves it, too",
                        "Take it out of one of them, or limit the transactions there",
                    )
                seen.setdefault(key, file)


def _transport_mistakes(file: str, transport: Document) -> Iterator[Mistake]:
    seen: dict[object, str] = {}
    inboxes = list(_inboxes(transport))
    for path, inbox in inboxes:
        after = inbox.get("after", transport.get("after"))
        if after == "move" and not (inbox.get("archive") or transport.get("archive")):
            place = (*path, "archive") if len(path) > 2 else ("transport", "archive")
            yield Mistake(file, place, "files are to be moved, and no archive is named", "Name the folder")
        yield from _same_folder(file, path, "inbox", inbox.get("path"), seen)
    yield from _same_folder(file, ("transport", "outbox"), "outbox", transport.get("outbox"), seen)
    for path, said in ((("transport",), transport), *(each for each in inboxes if len(each[0]) > 2)):
        yield from _same_folder(file, (*path, "archive"), "archive", said.get("archive"), dict(seen))
    if isinstance(transport.get("pgp"), dict):
        yield from _pgp_mistakes(file, table(transport, "pgp"))
    if transport.get("kind") == "sftp" and not (transport.get("password") or transport.get("key")):
        fix = 'Name one: password = "env:NAME" or key = "file:path"'
        yield Mistake(file, ("transport",), "there is neither a password nor a key to log in with", fix)


def _pgp_mistakes(file: str, pgp: Document) -> Iterator[Mistake]:
    path: Path = ("transport", "pgp")
    fix = "Name the file of the private key, and the passphrase where it has one"
    if pgp.get("sign_with") and not pgp.get("encrypt_to"):
        cure = "Name the partner's key in encrypt_to, or take sign_with out"
        yield Mistake(
            file, (*path, "sign_with"), "only what is encrypted is signed, and no key is named for that", cure
        )
    for key in ("sign_with", "decrypt"):
        if pgp.get(key) and not pgp.get("our_keys"):
            yield Mistake(file, (*path, key), "this needs a key of ours", fix)
    if pgp.get("encrypt_to") and not pgp.get("their_keys"):
        yield Mistake(file, (*path, "encrypt_to"), "this needs the partner's key", "Name its file in their_keys")
    if pgp.get("decrypt") and pgp.get("require_signature", True) and not (pgp.get("signers") and pgp.get("their_keys")):
        cure = "Name the partner's key in their_keys and its fingerprint in signers; or require_signature = false"
        yield Mistake(file, (*path, "signers"), "nobody is named whose signature counts", cure)
    if not pgp.get("encrypt_to") and not pgp.get("decrypt"):
        cure = "Set encrypt_to, decrypt or both, or take the table out"
        yield Mistake(file, path, "nothing is encrypted and nothing decrypted", cure)


def _inboxes(transport: Document) -> Iterator[tuple[Path, Document]]:
    """Each inbox as a table, with its place: `inbox` is a folder, or a list of folders and tables."""
    found = transport.get("inbox")
    if isinstance(found, str):
        yield ("transport", "inbox"), {"path": found}
    for position, each in enumerate(found if isinstance(found, list) else []):
        if isinstance(each, str | dict):
            yield ("transport", "inbox", position), each if isinstance(each, dict) else {"path": each}


def _same_folder(file: str, path: Path, name: str, folder: object, seen: dict[object, str]) -> Iterator[Mistake]:
    if isinstance(folder, str) and folder:
        if folder in seen:
            fix = "Give each its own: we would read what we sent, or one file twice"
            yield Mistake(file, path, f"{name} and {seen[folder]} are the same folder", fix)
        seen.setdefault(folder, name)


def _repeated(file: str, path: Path, value: object, seen: dict[str, int], position: int) -> Iterator[Mistake]:
    if isinstance(value, str):
        if value in seen:
            yield Mistake(file, path, f"the id {value} is there twice", "Give each its own id")
        seen.setdefault(value, position)


def table(document: Document, name: str) -> Document:
    """The table of this name; an empty one where there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def tables(document: Document, name: str) -> Iterator[tuple[int, Document]]:
    """The tables of a list of this name, each with its position."""
    found = document.get(name)
    for position, each in enumerate(found if isinstance(found, list) else []):
        if isinstance(each, dict):
            yield position, each
