"""A partner's web server, a real one on loopback: all that goes wrong there, whom we believe, what counts as sent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from as2_company import says
from as2_server import PAST, Exchange, Site, TlsKeys, site, tls_keys

from gateway.errors import PartnerRefused, PartnerUnreachable, SettingsInvalid
from gateway.transport.as2 import http, post_receipt
from gateway.transport.as2.http import ANSWER_MAX, Answer, Cut, Server
from gateway.transport.as2.settings import As2Settings, ClientCertificate
from gateway.transport.as2.terms import Terms

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
BODY = [b"ISA*00*", b"x" * 300_000, b"~"]
LENGTH = sum(map(len, BODY))
PASSWORD = "Tr0ub4dor-and-3"


def settings(where: Site | str, **more: Any) -> As2Settings:
    url = where if isinstance(where, str) else where.url
    return As2Settings(**{"terms": Terms(partner="p", us="US", them="THEM"), "url": url, "timeout_s": 5.0, **more})


def post(where: Site | str, chunks: list[bytes] = BODY, **more: Any) -> Answer:
    with closing(Server(settings(where, **more), now=lambda: AT)) as server:
        return server.post([("AS2-From", "US")], sum(map(len, chunks)), chunks)


def client(keys: TlsKeys, **more: Any) -> ClientCertificate:
    return ClientCertificate.load(keys.certificate.encode(), **{"key": keys.key, **more})


@pytest.fixture
def plain() -> Iterator[Site]:
    with site() as made:
        yield made


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Site]:
    with site(tls_keys("server"), tmp_path) as made:
        yield made.then(taken)


def taken(exchange: Exchange) -> None:
    exchange.read()
    exchange.answer(200, {"Content-Type": "text/plain"}, b"thanks")


def refused(where: Site | str, **more: Any) -> str:
    with pytest.raises(PartnerRefused) as caught:
        post(where, **more)
    return str(caught.value)


# What goes over


def test_a_body_streams_with_its_length_and_the_answer_comes_whole(plain: Site) -> None:
    answer = post(plain.then(taken))
    assert (answer.status, answer.body, answer.get("content-TYPE"), answer.get("none")) == (
        200,
        b"thanks",
        "text/plain",
        "",
    )
    (seen,) = plain.seen
    assert (seen.method, seen.target, seen.body) == ("POST", "/as2?to=us", b"".join(BODY))
    assert (seen.get("Content-Length"), seen.get("Transfer-Encoding"), seen.get("AS2-From")) == (str(LENGTH), "", "US")
    assert (seen.get("Host"), seen.get("Authorization")) == (f"127.0.0.1:{plain.port}", "")


def test_a_login_goes_along_and_to_no_other_server(plain: Site) -> None:
    post(plain.then(taken), username="us", password="pä:ss")
    assert plain.seen[0].get("Authorization") == "Basic dXM6cMOkOnNz"
    for own in ("http://127.0.0.1:1/", "https://as2.example/"):
        assert post_receipt(settings(own, username="us", password="x"), plain.url, [("AS2-From", "US")], b"mdn") == 200
        assert (plain.seen[-1].get("Authorization"), plain.seen[-1].body) == ("", b"mdn")
    assert "pä:ss" not in repr(settings(plain, username="us", password="pä:ss"))


def test_pins_and_our_certificates_are_for_the_partners_own_host(secure: Site, tmp_path: Path) -> None:
    pins = (tls_keys("server").fingerprint,)
    assert post_receipt(settings("https://127.0.0.1:1/", pins=pins), secure.url, [], b"mdn") == 200
    with pytest.raises(PartnerRefused, match="not trusted"):
        post_receipt(settings("https://as2.example/", pins=pins), secure.url, [], b"mdn")
    assert len(secure.seen) == 1


def test_one_connection_serves_request_after_request(plain: Site) -> None:
    with closing(Server(settings(plain.then(taken)))) as server:
        assert [server.post([], LENGTH, BODY).status for _ in range(3)] == [200] * 3
    assert plain.connections == 1


def test_a_connection_that_was_dropped_while_nobody_looked_is_opened_anew(plain: Site) -> None:
    dropped = threading.Event()

    def once(exchange: Exchange) -> None:
        taken(exchange)
        exchange.drop()
        dropped.set()

    with closing(Server(settings(plain.then(once, taken)))) as server:
        server.post([], LENGTH, BODY)
        assert dropped.wait(5)
        assert server.post([], LENGTH, BODY).status == 200
    assert plain.connections == 2


def test_a_redirect_is_not_followed(plain: Site) -> None:
    with site() as other:
        other.then(taken)
        answer = post(plain.then(says(307, {"Location": other.url})))
    assert (answer.status, other.seen) == (307, [])


# What breaks


def test_nobody_there_is_told_before_anything_is_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(PartnerUnreachable, match="nobody answers there") as caught:
        post(f"http://127.0.0.1:{port}/")
    assert not isinstance(caught.value, Cut)
    with pytest.raises(PartnerUnreachable, match="its name is not known"):
        post("http://no-such-host.invalid/")


def test_a_connection_cut_in_the_middle_leaves_it_open_what_arrived(plain: Site) -> None:
    def cut(exchange: Exchange) -> None:
        exchange.read(1000)
        exchange.cut()

    with pytest.raises(Cut, match="the connection failed") as caught:
        post(plain.then(cut), [b"x" * 100_000] * 200)
    assert 0 <= caught.value.sent < 20_000_000


@pytest.mark.parametrize("how", ["cut", "drop"])
def test_a_connection_cut_before_the_answer_leaves_it_open_what_arrived(plain: Site, how: str) -> None:
    def silent(exchange: Exchange) -> None:
        exchange.read()
        getattr(exchange, how)()

    with pytest.raises(Cut) as caught:
        post(plain.then(silent))
    assert caught.value.sent == LENGTH


def test_an_answer_that_is_late_is_not_waited_for_without_end(plain: Site) -> None:
    with pytest.raises(Cut, match="nothing moved for too long") as caught:
        post(plain.then(plain.late), timeout_s=0.2)
    assert caught.value.sent == LENGTH


def test_an_answer_that_dribbles_is_hung_up_on(plain: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(http, "SLOWEST", 10**12)

    def dribble(exchange: Exchange) -> None:
        exchange.read()
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        plain.held.wait(30)

    with pytest.raises(Cut, match="it was cut"):
        post(plain.then(dribble), timeout_s=10.0)


def test_an_early_refusal_is_read_though_the_body_was_not_taken(plain: Site) -> None:
    def early(exchange: Exchange) -> None:
        exchange.answer(413, close=True)
        while exchange.sock.recv(65536):
            pass

    assert post(plain.then(early), [b"x" * 65536] * 100).status == 413


def test_a_good_answer_to_half_a_body_is_not_believed(plain: Site) -> None:
    def early(exchange: Exchange) -> None:
        exchange.answer(200, {"Connection": "close"})
        exchange.sock.shutdown(socket.SHUT_RDWR)
        exchange.kept = False

    with pytest.raises(Cut):
        post(plain.then(early), [b"x" * 65536] * 300)


def test_an_oversized_answer_is_cut_off(plain: Site) -> None:
    def huge(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(200, body=b"x" * (ANSWER_MAX + 1))

    assert post(plain.then(huge)).body is None
    assert post(plain.then(says(200, body=b"x" * ANSWER_MAX))).body == b"x" * ANSWER_MAX


@pytest.mark.parametrize(
    "headers", [{"X": "x" * 70_000}, {f"X-{each}": "x" for each in range(200)}, {"X": "x" * 40_000, "Y": "y" * 40_000}]
)
def test_an_answer_with_endless_headers_is_not_read(plain: Site, headers: dict[str, str]) -> None:
    with pytest.raises(Cut):
        post(plain.then(says(200, headers)))


def test_an_answer_shorter_than_it_says_is_no_answer(plain: Site) -> None:
    def short(exchange: Exchange) -> None:
        exchange.read()
        exchange.answer(200, {"Content-Length": "100"}, b"x" * 50, close=True)

    with pytest.raises(Cut):
        post(plain.then(short))


def test_what_is_no_http_is_told(plain: Site) -> None:
    def ftp(exchange: Exchange) -> None:
        exchange.read()
        exchange.write(b"220 ftp.example ready\r\n")
        exchange.drop()

    with pytest.raises(Cut):
        post(plain.then(ftp))


# Whom we believe


def test_a_pinned_certificate_is_believed_whatever_it_is(tmp_path: Path, secure: Site) -> None:
    pin = tls_keys("server").fingerprint
    assert post(secure, pins=(pin,)).status == 200
    assert post(secure, pins=(tls_keys("next").fingerprint, pin)).status == 200, "old and new overlap"
    assert "the server shows a certificate that is not pinned: " + pin in refused(
        secure, pins=(tls_keys("next").fingerprint,)
    )
    with site(tls_keys("past", ends=PAST), tmp_path) as expired:
        assert post(expired.then(taken), pins=(tls_keys("past", ends=PAST).fingerprint,)).status == 200
    assert len(secure.seen) == 2


def test_without_pins_the_systems_authorities_vouch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, other = tls_keys("authority"), tls_keys("other authority")
    (tmp_path / "authorities.pem").write_text(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authorities.pem"))
    with site(tls_keys("vouched", issuer="authority"), tmp_path) as vouched:
        assert post(vouched.then(taken)).status == 200
        assert "Hostname mismatch" in refused(vouched.url.replace("127.0.0.1", "localhost"))
        (tmp_path / "authorities.pem").write_text(other.certificate)
        told = refused(vouched)
        assert "the server's certificate is not trusted (unable to get local issuer certificate)" in told
        assert "pin it in tls_certificates" in told
        assert len(vouched.seen) == 1
    (tmp_path / "authorities.pem").write_text(authority.certificate)
    with site(tls_keys("late", issuer="authority", ends=PAST), tmp_path) as late:
        assert "certificate has expired" in refused(late)


def test_a_server_may_ask_who_we_are(tmp_path: Path) -> None:
    ours, others = tls_keys("our client"), tls_keys("their client")
    pins = (tls_keys("server").fingerprint,)
    with site(tls_keys("server"), tmp_path, client=ours) as asking:
        asking.then(taken)
        assert post(asking, pins=pins, clients=[client(ours)]).status == 200
        assert (
            post(asking, pins=pins, clients=[client(ours, key=ours.sealed_key, passphrase="open sesame")]).status == 200
        )
        for shown in ([], [client(others)]):
            with pytest.raises((PartnerRefused, PartnerUnreachable)):
                post(asking, pins=pins, clients=shown)
        assert len(asking.seen) == 2


def test_a_server_that_takes_none_of_our_certificates_says_so(tmp_path: Path) -> None:
    pins = (tls_keys("server").fingerprint,)
    with site(tls_keys("server"), tmp_path, client=tls_keys("our client")) as asking:
        assert asking.context is not None
        asking.context.maximum_version = __import__("ssl").TLSVersion.TLSv1_2  # Refuses within the handshake.
        told = refused(asking.then(taken), pins=pins, clients=[client(tls_keys("their client"))])
        assert "the server wants a client's certificate, and takes none of ours" in told


def test_of_overlapping_client_certificates_the_newest_valid_one_is_shown(tmp_path: Path) -> None:
    old, new = tls_keys("our client"), tls_keys("our next client", starts=datetime(2026, 1, 1, tzinfo=UTC))
    early, late = tls_keys("early", starts=datetime(2040, 1, 1, tzinfo=UTC)), tls_keys("late", ends=PAST)
    agreed = settings("https://as2.example/", clients=[client(each) for each in (old, new, early, late)])
    shown = agreed.client(AT)
    assert shown is not None
    assert shown.certificate.fingerprint == new.fingerprint
    with pytest.raises(SettingsInvalid, match="no client certificate is valid"):
        replace(agreed, clients=[client(early), client(late)]).client(AT)
    assert replace(agreed, clients=[]).client(AT) is None


def test_a_client_certificate_that_cannot_be_used_is_told_without_its_key() -> None:
    ours, others = tls_keys("our client"), tls_keys("their client")
    for wrong in (
        client(ours, key=others.key),
        client(ours, key=ours.sealed_key, passphrase=PASSWORD),
        client(ours, key="x"),
    ):
        with pytest.raises(SettingsInvalid, match="cannot be used") as caught:
            Server(settings("https://as2.example/", clients=[wrong]), now=lambda: AT)
        assert PASSWORD not in f"{caught.value}{wrong!r}"
        assert caught.value.__cause__ is None
    with pytest.raises(SettingsInvalid, match="it is no PEM"):
        ClientCertificate.load(b"\x30\x82", "x")


# Looking


def test_a_look_shows_the_certificate_step_by_step(secure: Site, plain: Site) -> None:
    pin = tls_keys("server").fingerprint
    steps = [each for each in Server(settings(secure, pins=(pin,))).look() if each[1]]
    assert [each for each, _ in steps] == ["connect", "tls"]
    assert steps[1][1] == f"TLSv1.3, certificate {pin}, pinned"
    assert "not encrypted" in dict(Server(settings(plain)).look())["tls"]
    with pytest.raises(PartnerRefused):
        dict(Server(settings(secure)).look())


def test_a_look_says_in_words_what_stands_in_the_way() -> None:
    with pytest.raises(PartnerUnreachable, match=r"its name is not known.*look at url in its file"):
        dict(Server(settings("http://no-such-host.invalid/")).look())
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speaks_plain() -> None:
            listener.accept()[0].close()  # The first step only connects.
            tcp, _ = listener.accept()
            with tcp:
                tcp.recv(65536)
                tcp.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=speaks_plain)
        thread.start()
        with pytest.raises(PartnerUnreachable, match="it does not speak TLS there"):
            dict(Server(settings(f"https://127.0.0.1:{listener.getsockname()[1]}/")).look())
        thread.join()


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("120", 120.0),
        ("999999", 3600.0),
        ("9" * 400, 3600.0),
        ("Mon, 02 Mar 2026 15:00:30 GMT", 30.0),
        ("Mon, 02 Mar 2026 14:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2027 14:00:00 GMT", 3600.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
    ],
)
def test_how_long_a_server_asks_us_to_stay_away(text: str, wait_s: float) -> None:
    answer = Answer(status=503, headers=(("retry-after", text),), body=b"")
    assert http.wait_asked_s(answer, AT) == wait_s
