"""OpenSSL's command line as an AS2 peer: ``openssl cms`` does the CMS, and the few lines of MIME around it stand here.

They share nothing with our reader and writer of MIME, nor with the standard library's: a fault of one of them would
hide in a peer that has it, too. The private key never leaves its file.
"""

import base64
import hashlib
import quopri
import re
import secrets
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from as2_peers import Built, Opened, PeerFailed, Receipt, Wish

CIPHERS = {"3des": "-des3"} | {
    f"aes{bits}-{mode}": f"-aes-{bits}-{mode}" for bits in (128, 192, 256) for mode in ("cbc", "gcm")
}
CRLF = b"\r\n"


@cache
def has_zlib() -> bool:
    """Whether this build can compress; Debian's cannot."""
    done = subprocess.run(
        ["openssl", "cms", "-compress", "-outform", "DER"], input=b"x", check=False, capture_output=True
    )
    return done.returncode == 0


class OpenSsl:
    """A peer with the key pairs of a folder (``as2_peers.keys_in``). Each call starts one or more processes."""

    name = "OpenSSL"

    def __init__(self, keys: Path) -> None:
        self._keys = keys

    def build(self, payload: bytes, wish: Wish) -> Built:
        encoded = _encoded(payload, wish.encoding)
        names = f'attachment; filename="{wish.name}"' if wish.name else ""
        part = _entity(encoded, wish.type, wish.encoding, names)
        mic = encoded if not (wish.sign or wish.encrypt or wish.compress) else part
        if wish.compress == "before":
            mic = part = self._compressed(part, wish) if wish.sign else part
        if wish.sign:
            mic, part = part, self._signed(part, wish)
        if wish.compress == "after" or (wish.compress and not wish.sign):
            part = self._compressed(part, wish)
        if wish.encrypt:
            part = self._encrypted(part, wish)
        algorithm = wish.sign or "sha256"
        return Built(part, _digest(mic, algorithm), algorithm)

    def open(self, entity: bytes, *, me: str, you: str) -> Opened:
        layers: list[str] = []
        mic = mic_algorithm = ""
        while True:
            headers, body = split(entity)
            content_type = headers.get("content-type", "")
            layer = _layer(content_type)
            if not layer:
                break
            layers.append(layer)
            if layer == "signed":
                entity, mic_algorithm = self._verified(headers, body, you)
                mic = _digest(entity, mic_algorithm)
            else:
                options = self._decrypting(me) if layer == "encrypted" else ["-uncompress"]
                entity = _openssl(*options, "-binary", "-inform", "DER", data=_decoded(headers, body))
        found = re.search(r'filename="?([^";]+)', headers.get("content-disposition", ""))
        if not mic:
            mic_algorithm = "sha256"
            mic = _digest(entity if layers else body, mic_algorithm)
        name = found[1] if found else ""
        return Opened(_decoded(headers, body), mic, mic_algorithm, content_type, name, tuple(layers))

    def build_mdn(self, receipt: Receipt, *, me: str, you: str) -> bytes:
        fields = [
            "Reporting-UA: openssl cms",
            f"Final-Recipient: rfc822; {receipt.recipient}",
            f"Original-Message-ID: {receipt.message_id}",
            f"Disposition: {receipt.disposition}",
        ]
        if receipt.mic:
            fields.append(f"Received-Content-MIC: {receipt.mic}, {_dashed(receipt.mic_algorithm)}")
        human = _entity(b"The message was taken in.\r\n", "text/plain", "7bit", "")
        machine = _entity("\r\n".join([*fields, "", ""]).encode(), "message/disposition-notification", "7bit", "")
        report = _multipart("multipart/report; report-type=disposition-notification", human, machine)
        return self._signed(report, Wish(sign=receipt.signed, pss=receipt.pss, me=me)) if receipt.signed else report

    def read_mdn(self, entity: bytes, *, me: str, you: str) -> Receipt:
        headers, body = split(entity)
        signed = ""
        if _layer(headers["content-type"]) == "signed":
            entity, signed = self._verified(headers, body, you)
            headers, body = split(entity)
        if not headers["content-type"].lower().startswith("multipart/report"):
            raise PeerFailed(f"not a report: {headers['content-type']}")
        machine_headers, machine = split(parts_of(headers, body)[1])
        fields, _ = split(_decoded(machine_headers, machine).lstrip() + CRLF + CRLF)
        mic, _, algorithm = fields.get("received-content-mic", "").partition(",")
        return Receipt(
            message_id=fields.get("original-message-id", ""),
            disposition=fields["disposition"],
            mic=mic.strip(),
            mic_algorithm=algorithm.strip(),
            signed=signed,
        )

    def close(self) -> None:
        """Nothing runs between calls."""

    def _signed(self, part: bytes, wish: Wish) -> bytes:
        options = ["-sign", "-binary", "-outform", "DER", "-md", wish.sign]
        options += self._signer(wish.also) if wish.also else []
        options += self._signer(wish.me) + ["-keyopt", "rsa_padding_mode:pss"] * wish.pss
        options += ["-keyid"] * wish.keyid + ["-noattr", "-nocerts"] * wish.bare
        if wish.opaque:  # With -stream a signature always takes the content in.
            content = _openssl(*options, "-nodetach", *["-stream"] * wish.ber, data=part)
            return _pkcs7(content, "signed-data", wish.wrap)
        signature = _openssl(*options, data=part)
        content_type = "application/pkcs7-signature; name=smime.p7s"
        second = _entity(
            base64.encodebytes(signature).replace(b"\n", CRLF), content_type, "base64", "attachment; filename=smime.p7s"
        )
        kind = f'multipart/signed; protocol="application/pkcs7-signature"; micalg={_dashed(wish.sign)}'
        return _multipart(kind, part, second)

    def _verified(self, headers: dict[str, str], body: bytes, you: str) -> tuple[bytes, str]:
        """What was signed, and the digest that was used. Only the sender's own certificate counts."""
        options = ["-verify", "-binary", "-inform", "DER", "-noverify", "-nointern", "-certfile"]
        options.append(str(self._keys / f"{you}.crt"))
        if not headers["content-type"].lower().startswith("multipart/"):
            signature = _decoded(headers, body)
            return _openssl(*options, data=signature), _digest_of(signature)
        part, second = parts_of(headers, body)
        signature = _decoded(*split(second))
        with tempfile.NamedTemporaryFile() as content:
            content.write(part)
            content.flush()
            _openssl(*options, "-content", content.name, data=signature)
        return part, _digest_of(signature)

    def _encrypted(self, part: bytes, wish: Wish) -> bytes:
        options = ["-encrypt", "-binary", "-outform", "DER", CIPHERS[wish.encrypt]]
        for each in filter(None, (wish.also, wish.you)):
            options += ["-recip", str(self._keys / f"{each}.crt")]
        if wish.transport != "pkcs1v15":
            digest = wish.transport.removeprefix("oaep-")
            options += ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{digest}"]
            options += ["-keyopt", f"rsa_mgf1_md:{wish.mask}"] if wish.mask else []
        options += ["-keyid"] * wish.keyid + ["-stream"] * wish.ber
        kind = "authEnveloped-data" if wish.encrypt.endswith("gcm") else "enveloped-data"
        return _pkcs7(_openssl(*options, data=part), kind, wish.wrap)

    @staticmethod
    def _compressed(part: bytes, wish: Wish) -> bytes:
        return _pkcs7(_openssl("-compress", "-binary", "-outform", "DER", data=part), "compressed-data", wish.wrap)

    def _decrypting(self, me: str) -> list[str]:
        return ["-decrypt", "-recip", str(self._keys / f"{me}.crt"), "-inkey", str(self._keys / f"{me}.key")]

    def _signer(self, me: str) -> list[str]:
        return ["-signer", str(self._keys / f"{me}.crt"), "-inkey", str(self._keys / f"{me}.key")]


def _openssl(*options: str, data: bytes) -> bytes:
    done = subprocess.run(["openssl", "cms", *options], input=data, check=False, capture_output=True)
    if done.returncode:
        raise PeerFailed(done.stderr.decode("utf-8", "replace").strip().replace("\n", "; "))
    return done.stdout


def _digest_of(signature: bytes) -> str:
    """The digest algorithm that the SignedData names first."""
    printed = _openssl("-cmsout", "-print", "-noout", "-inform", "DER", data=signature).decode("utf-8", "replace")
    found = re.search(r"digestAlgorithms:\s+algorithm: (sha\d+)", printed)
    if not found:
        raise PeerFailed("the signature names no digest that is known")
    return found[1]


def _layer(content_type: str) -> str:
    kind = content_type.lower()
    if kind.startswith("multipart/signed"):
        return "signed"
    if not re.match(r"application/(x-)?pkcs7-mime", kind):
        return ""
    names = {"enveloped-data": "encrypted", "compressed-data": "compressed", "signed-data": "signed"}
    for smime_type, layer in {"authenveloped-data": "encrypted", **names}.items():
        if smime_type in kind:
            return layer
    raise PeerFailed(f"not known: {content_type}")


def _entity(body: bytes, content_type: str, encoding: str, disposition: str) -> bytes:
    headers = {"Content-Type": content_type, "Content-Transfer-Encoding": encoding, "Content-Disposition": disposition}
    lines = [f"{name}: {value}".encode() for name, value in headers.items() if value]
    return CRLF.join([*lines, b"", body])


def _pkcs7(content: bytes, smime_type: str, wrap: str) -> bytes:
    content_type = f"application/pkcs7-mime; smime-type={smime_type}; name=smime.p7m"
    return _entity(_encoded(content, wrap), content_type, wrap, "attachment; filename=smime.p7m")


def _multipart(content_type: str, *parts: bytes) -> bytes:
    boundary = f"=_{secrets.token_hex(12)}".encode()
    body = b"".join(b"--" + boundary + CRLF + part + CRLF for part in parts) + b"--" + boundary + b"--" + CRLF
    return _entity(body, f'{content_type}; boundary="{boundary.decode()}"', "", "")


def parts_of(headers: dict[str, str], body: bytes) -> list[bytes]:
    """The parts of a multipart, byte for byte; the line end before a boundary is the boundary's (RFC 2046, 5.1)."""
    found = re.search(r'boundary=(?:"([^"]+)"|([^\s;]+))', headers["content-type"], re.IGNORECASE)
    if not found:
        raise PeerFailed("a multipart without a boundary")
    mark = CRLF + b"--" + (found[1] or found[2]).encode()
    pieces = re.split(re.escape(mark) + rb"(?:--)?[ \t]*(?=\r\n|$)", CRLF + body)
    return [each.removeprefix(CRLF) for each in pieces[1:-1]]


def split(entity: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = entity.partition(CRLF + CRLF)
    lines = re.sub(rb"\r\n[ \t]+", b" ", head).decode("latin-1").split("\r\n")
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body


def _encoded(plain: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(plain).replace(b"\n", CRLF)
    if encoding != "quoted-printable":
        return plain
    marks = [chr(each) if 33 <= each <= 126 and each != 61 else f"={each:02X}" for each in plain]
    return "=\r\n".join("".join(marks[at : at + 24]) for at in range(0, len(marks), 24)).encode()


def _decoded(headers: dict[str, str], body: bytes) -> bytes:
    encoding = headers.get("content-transfer-encoding", "").lower()
    if encoding == "base64":
        return base64.b64decode(body)
    return quopri.decodestring(body) if encoding == "quoted-printable" else body


def _digest(data: bytes, algorithm: str) -> str:
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def _dashed(algorithm: str) -> str:
    """As RFC 5751, 3.4.3.2 spells it in ``micalg`` and MDNs: sha-256."""
    return algorithm.replace("sha", "sha-")
