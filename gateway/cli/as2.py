"""``as2``: makes what partners exchange before the first message, a key of ours and its certificate."""

import os
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.output import emit
from gateway.errors import GatewayError
from gateway.transport.cms import Certificate
from gateway.transport.cms.making import make_identity

FILE_NAME = "abcdefghijklmnopqrstuvwxyz0123456789-_."


def make_key(name: str, folder: Path, *, days: int, hosts: list[str], as_json: bool) -> int:
    """Makes ``NAME.key`` (mode 600) and ``NAME.pem`` in the folder, and never overwrites either."""
    stem = "".join(each if each in FILE_NAME else "-" for each in name.lower()).lstrip(".")
    if not 1 <= len(name) <= 64 or not stem:
        raise GatewayError("a certificate's name has 1 to 64 characters", fix="Take your AS2 name, or a shorter one")
    certificate_file, key_file = folder / f"{stem}.pem", folder / f"{stem}.key"
    if taken := [each for each in (certificate_file, key_file) if each.exists()]:
        fix = "Choose another name or folder: a key that is in use must not be lost"
        raise GatewayError("there is a file of this name already", where=str(taken[0]), fix=fix)
    certificate, key = make_identity(name, at=datetime.now(UTC), days=days, hosts=hosts)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path, content, mode in ((key_file, key, 0o600), (certificate_file, certificate, 0o644)):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
                file.write(content)
    except OSError as error:
        fix = "Name a folder that you may write to"
        raise GatewayError(f"the key cannot be kept ({error.strerror})", where=str(folder), fix=fix) from error
    made = Certificate.load(certificate)
    told = {
        "certificate": str(certificate_file),
        "key": str(key_file),
        "fingerprint": made.fingerprint,
        "ends": made.ends.isoformat(),
    }
    words = (
        f"certificate: {certificate_file} (send it to your partners)\n"
        f"key:         {key_file} (for the gateway only; keep a copy where backups are safe)\n"
        f"fingerprint: {made.fingerprint} (read it to them by telephone)\n"
        f"valid until: {made.ends:%Y-%m-%d}"
    )
    emit(told, words, as_json=as_json)
    return 0
