"""Receipts (MDNs) that we give: made and stored before they leave, in the response itself or posted by a job.

A receipt, once stored, is given again byte for byte, as often as its message comes. It is posted only where the partner
lives: a message says where its receipt is wanted, and whoever sends one could name any address.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gateway import logs
from gateway.errors import PartnerRefused, PartnerUnreachable
from gateway.flow import as2_agreed
from gateway.flow.as2_door import Answer, Headers
from gateway.flow.house import House, Transaction
from gateway.settings import As2Transport, Partner
from gateway.store import As2Message, Job
from gateway.transport.as2 import message_id, post_receipt
from gateway.transport.as2.mdn import build_mdn
from gateway.transport.as2.message import Disposition, MdnWanted, Mic
from gateway.transport.as2.terms import Terms

log = logs.get()

BUSY = (408, 425, 429)  # and all from 500 on
POST_ATTEMPTS_MAX = 40  # some eight hours, with the usual waits between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Mdn:
    """One that is made. ``payload`` is "" until it is stored, ``url`` where it goes back in the response."""

    headers: Headers = ()
    body: bytes = b""
    url: str = ""
    payload: str = ""


def made(house: House, terms: Terms, wanted: MdnWanted, said: Disposition, mic: Mic | None, *, why: str = "") -> Mdn:
    """The receipt that was asked for. Raises GatewayError where it is to be signed, and no key of ours is valid."""
    own = message_id(house.store.new_id("mdn"))
    built = build_mdn(wanted, said, mic, terms=terms, at=house.clock(), message_id=own, why=why)
    return Mdn(headers=tuple(built.headers), body=b"".join(built.chunks()), url=wanted.url)


def kept(house: House, mdn: Mdn) -> Mdn:
    """The same, sealed in the store."""
    return replace(mdn, payload=house.store.payloads.put([mdn.body]))


def stored(house: House, message: As2Message, wanted: MdnWanted) -> Mdn:
    """The receipt that a message got before, for whoever sends it again."""
    body = house.store.payloads.read(message.mdn)
    return Mdn(payload=message.mdn, headers=message.mdn_headers, url=wanted.url, body=body)


def answered(mdn: Mdn | None) -> Answer:
    """The response: the receipt, or nothing where none is wanted or it is posted."""
    return Answer(code=200) if mdn is None or mdn.url else Answer(code=200, headers=mdn.headers, body=mdn.body)


def enqueue_post(tx: Transaction, partner: Partner, message: str) -> None:
    """Post a receipt from a job, after the commit."""
    tx.jobs.enqueue(
        "mdn_out",
        payload={"message": message},
        partner=partner.name,
        lane=f"mdn_out:{partner.name}",  # A server that takes none holds one worker up, and not all of them.
        key=f"mdn_out:{message}",
        attempts_max=POST_ATTEMPTS_MAX,
    )


def post(house: House, job: Job) -> None:
    """Posts one receipt to where it was asked for. Raises PartnerUnreachable to be tried again, or PartnerRefused."""
    partner = house.partner(job.partner)
    with house.reading() as tx:
        message = tx.as2_messages.get(job.payload["message"])
    if not message.mdn_url:  # Its sender came again meanwhile, and took the receipt in the response.
        with house.store.transaction(house.everything()) as tx:
            tx.jobs.finish(job)
        return
    where = f"partner {partner.name}, message {message.id}"
    if not message.mdn_url:  # The message came again, and took its receipt along in the response.
        with house.store.transaction(house.everything()) as tx:
            tx.jobs.finish(job)
        return
    if fault := posting_fault(message.mdn_url, partner):
        raise PartnerRefused(
            f"the receipt is wanted at an address where it may not be posted: {fault}",
            where=where,
            fix="Ask the partner; if the address is theirs, add its host to mdn_hosts in their file, restart, then: "
            "gateway jobs --retry JOB",
        )
    web = as2_agreed.web(house.settings, partner, house.clock(), incoming=True)
    status = post_receipt(web, message.mdn_url, message.mdn_headers, house.store.payloads.read(message.mdn))
    if not 200 <= status < 300:
        what = f"the partner did not take the receipt: its server answered {status}"
        if status >= 500 or status in BUSY:
            raise PartnerUnreachable(what, where=where, fix="It is tried again")
        fix = "Ask the partner where it wants receipts. To post it again: gateway jobs --retry JOB"
        raise PartnerRefused(what, where=where, fix=fix)
    with house.store.transaction(house.everything()) as tx:
        tx.as2_messages.change(message.id, mdn_sent_at=tx.now)
        tx.jobs.finish(job)
    log.info("as2.receipt_posted", partner=partner.name, message=message.id, attempts=job.attempts)


Resolve = Callable[[str], Iterable[str]]


def resolved(host: str) -> list[str]:
    """The addresses of a host. Raises OSError."""
    return [str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def posting_fault(url: str, partner: Partner, resolve: Resolve = resolved) -> str:
    """Why nothing may be posted there, in words; "" where it may.

    To the host that the partner's messages go to, or to one that its file names under ``mdn_hosts``; the latter may not
    lead back to this machine or to what only answers to it.
    """
    agreed = partner.transport
    assert isinstance(agreed, As2Transport), "only partners that are reached over AS2 are sent receipts"
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme.lower() not in ("http", "https") or not host:
        return "it is no URL of a web server"
    if parts.username is not None or parts.password is not None:
        return "it carries a login"
    if host == (urlsplit(agreed.url).hostname or "").rstrip("."):
        return ""
    if host not in (each.lower().rstrip(".") for each in agreed.mdn_hosts):
        return "its host is none of the partner's"
    try:
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in resolve(host)]
    except (OSError, ValueError):
        return ""  # Nobody is there at present: whoever posts finds that out, and tries again.
    if any(_ours_alone(each) for each in addresses):
        return "its host is this machine, or one that only this machine can reach"
    return ""


def _ours_alone(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    plain = mapped or address
    return plain.is_loopback or plain.is_link_local or plain.is_unspecified or plain.is_multicast or plain.is_reserved
