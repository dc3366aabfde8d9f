"""Connections of urllib3 that can be hung up from elsewhere, and believe pinned certificates; its errors in our words.

The texts of OpenSSL and of the server are not passed on: they may quote what was sent.
"""

import http.client
import logging
import socket
import ssl
from collections.abc import Callable
from email.errors import MissingHeaderBodySeparatorDefect
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from gateway.errors import PartnerRefused
from gateway.transport.as2 import tls

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # It quotes URLs, and headers that it cannot read.


class Whole(http.client.HTTPResponse):
    """An answer whose headers were cut off is none: the library would take what there is of them."""

    def begin(self) -> None:
        super().begin()
        if any(isinstance(each, MissingHeaderBodySeparatorDefect) for each in self.msg.defects):
            raise http.client.HTTPException("the headers are not whole")


class Plain(HTTPConnection):
    """Tells of its socket, so that it can be hung up from elsewhere."""

    response_class = Whole

    def __init__(self, *args: Any, connected: Callable[[socket.socket], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._tell = connected

    def connect(self) -> None:
        super().connect()
        assert self.sock is not None, "it is connected"
        self._tell(self.sock)


class Secure(HTTPSConnection):
    """The same over TLS, where the server's certificate must be a pinned one, if any is. ``found`` is for people."""

    response_class = Whole

    def __init__(
        self,
        *args: Any,
        connected: Callable[[socket.socket], None],
        pins: tuple[str, ...],
        where: str,
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self._tell = connected
        self._pins = pins
        self._where = where
        self.found = ""

    def connect(self) -> None:
        super().connect()
        sock: Any = self.sock
        shown = tls.fingerprint(sock.getpeercert(binary_form=True))
        if self._pins and shown not in self._pins:
            self.close()
            fix = f"Ask the partner whether it has a new certificate; if so, add {shown} to tls_certificates"
            raise PartnerRefused(
                f"the server shows a certificate that is not pinned: {shown}", where=self._where, fix=fix
            )
        self.is_verified = True
        trust = "pinned" if self._pins else "vouched for by the system's authorities"
        self.found = f"{sock.version()}, certificate {shown}, {trust}"
        self._tell(sock)


class Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = Plain


class SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = Secure


def distrust(error: BaseException) -> tuple[str, str] | None:
    """What is wrong with a certificate, theirs or ours, and the cure; None where that is not it."""
    reason = _reason(error)
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        why = reason.partition(": ")[2]
        fix = (
            "Ask the partner for its certificate, and pin it in tls_certificates once you have compared the fingerprint"
        )
        return f"the server's certificate is not trusted ({why or 'it does not verify'})", fix
    if "ALERT" in reason and any(each in reason for each in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")):
        fix = "Name what the partner knows of us under [[transport.tls_client]], or send it our new certificate"
        return "the server wants a client's certificate, and takes none of ours", fix
    return None


def _reason(error: BaseException | None) -> str:
    """OpenSSL's name of what went wrong, and for a certificate why it does not verify."""
    while error is not None:
        name = getattr(error, "reason", "")
        if isinstance(name, str) and name:
            return f"{name}: {getattr(error, 'verify_message', '')}"
        inner = [each for each in (name, *error.args) if isinstance(each, BaseException)]
        error = inner[0] if inner else error.__cause__
    return ""


_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""OpenSSL's names, of one version or another, for an answer that is none of TLS."""


def words(error: BaseException) -> str:
    """What went wrong, for people. The order counts: to urllib3 nobody's answer is a sort of timeout."""
    if isinstance(error, NameResolutionError | socket.gaierror):
        return "its name is not known"
    if isinstance(error, NewConnectionError | ConnectionRefusedError):
        return "nobody answers there"
    if isinstance(error, ConnectTimeoutError):
        return "the server did not answer in time"
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return "nothing moved for too long"
    if isinstance(error, SSLError | ssl.SSLError):
        name = _reason(error).partition(":")[0]
        return "it does not speak TLS there" if name in _NO_TLS else f"TLS: {name or 'it broke off'}"
    return "it was cut"
