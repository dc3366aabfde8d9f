"""What a partner's ``[transport.pgp]`` says. Keys and passphrase are here already resolved, and never shown."""

from dataclasses import dataclass, field
from pathlib import Path

PLAIN_MAX = 2 * 1024**3  # bytes that may come out of one file of theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class PgpSettings:
    """Keys are texts as GnuPG exports them. Fingerprints are those of primary keys, 40 capitals and digits.

    ``encrypt_to`` empty: what we send stays plain. ``decrypt`` false: what comes is taken as it is. ``signers`` are the
    only keys whose signature counts; ``require_signature`` false also takes a file that carries none.
    """

    their_keys: tuple[str, ...] = ()
    our_keys: tuple[str, ...] = field(default=(), repr=False)
    passphrase: str = field(default="", repr=False)
    encrypt_to: tuple[str, ...] = ()
    sign_with: str = ""
    armor: bool = False
    decrypt: bool = False
    signers: tuple[str, ...] = ()
    require_signature: bool = True
    plain_max: int = PLAIN_MAX
    spool: Path | None = None
