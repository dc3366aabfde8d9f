"""The HTTP side at which the partner posts messages and receipts: one thread for each connection, on loopback.

Here the faults of the wire happen: 503, slowness, connections cut. It knows nothing of MIME or signatures. A body is
held whole in memory and is no larger than agreed.
"""

import logging
import socket
import ssl
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gateway.simulator.as2.agreement import Agreement
from gateway.simulator.as2.desk import Answer, Desk, Envelope, envelope
from gateway.simulator.as2.faults import Fault
from gateway.simulator.as2.identity import Identity
from gateway.simulator.as2.records import Records

PATH = "/as2"
IDLE_S = 30
PIECES = 8
CHUNK_LINE_MAX = 100
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() resets the connection.

log = logging.getLogger(__name__)


class _TooLarge(Exception):
    """The body is larger than agreed."""


class _Gone(Exception):
    """The partner, or a fault, ended the connection in the middle of the body."""


class Listener:
    """The server. ``open`` tells its port; ``close`` ends every connection."""

    def __init__(self, desk: Desk, records: Records, agreement: Agreement, own: Identity) -> None:
        self.desk, self.records, self.agreement, self._own = desk, records, agreement, own
        self.stopping = threading.Event()
        self._server: _Server | None = None

    def open(self) -> int:
        """Listens on loopback; the port, which is a free one where the agreement says 0."""
        self._server = _Server(("127.0.0.1", self.agreement.port), _Handler)
        self._server.listener = self
        if self.agreement.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._own.certificate_file, self._own.key_file)
            self._server.context = context
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="as2", daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        self.stopping.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.end_connections()

    def fault(self, told: Envelope) -> Fault:
        """The fault of this attempt at a message, which is counted and noted."""
        serial, attempt = self.records.attempt(told.direction, told.message_id)
        fault = self.agreement.faults.of(told.direction, told.message_id, serial, attempt)
        if fault:
            self.records.note(did="as2_fault", message=told.message_id, fault=fault, attempt=str(attempt))
        return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100
    listener: Listener
    context: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: a slow handshake holds nobody up."""
        connection: socket.socket = request
        connection.settimeout(IDLE_S)
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        with self._lock:
            self._open.add(connection)
        try:
            super().finish_request(connection, client_address)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def end_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("a connection ended", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "simulated-payer", ""
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was asked for is the partner's."""

    def do_GET(self) -> None:
        self._send(Answer(405, (("Allow", "POST"),)))

    def do_POST(self) -> None:
        listener = self.server.listener
        told = envelope(self.headers, listener.agreement) if self.path.split("?")[0] == PATH else Answer(404)
        try:
            if isinstance(told, Answer):
                self._body()
                self._send(told)
            else:
                self._take(listener, told)
        except _TooLarge:
            self.close_connection = True
            self._send(Answer(413))
        except _Gone:
            self.close_connection = True

    def _take(self, listener: Listener, told: Envelope) -> None:
        fault = listener.fault(told)
        if fault is Fault.CUT_REQUEST:
            self._reset()
        body = self._body(slow_s=listener.agreement.slow_s if fault is Fault.SLOW else 0)
        if fault is Fault.BUSY:
            self._send(Answer(503, (("Retry-After", str(listener.agreement.retry_after_s)),)))
            return
        answer = listener.desk.take(self.headers, body, told, fault)
        if fault is Fault.LATE_MDN and answer.content:
            listener.stopping.wait(listener.agreement.late_s)
        self._send(answer, cut=fault is Fault.CUT_RESPONSE)

    # Reading.

    def _body(self, slow_s: float = 0) -> bytes:
        limit = self.server.listener.agreement.body_max
        if "chunked" in str(self.headers.get("Transfer-Encoding", "")).lower():
            return self._chunks(limit)
        length = str(self.headers.get("Content-Length", "0"))
        if not length.isdigit() or int(length) > limit:
            raise _TooLarge
        return self._exactly(int(length), slow_s)

    def _exactly(self, length: int, slow_s: float = 0) -> bytes:
        pieces = []
        step = max(1, -(-length // PIECES)) if slow_s else length
        for start in range(0, length, step or 1):
            if slow_s:
                self.server.listener.stopping.wait(slow_s / PIECES)
            pieces.append(self.rfile.read(min(step, length - start)))
        body = b"".join(pieces)
        if len(body) != length:
            raise _Gone
        return body

    def _chunks(self, limit: int) -> bytes:
        """A chunked body (RFC 9112, 7.1); trailers are read and dropped."""
        body = b""
        while size := self._chunk_size():
            if len(body) + size > limit:
                raise _TooLarge
            body += self._exactly(size)
            self.rfile.readline(CHUNK_LINE_MAX)
        while self.rfile.readline(CHUNK_LINE_MAX).strip():
            pass
        return body

    def _chunk_size(self) -> int:
        try:
            return int(self.rfile.readline(CHUNK_LINE_MAX).split(b";")[0], 16)
        except ValueError as error:
            raise _Gone from error

    def _reset(self) -> None:
        """Half of the body is read, and the connection reset."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")) // 2)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        raise _Gone

    # Answering.

    def _send(self, answer: Answer, cut: bool = False) -> None:
        """An answer; with ``cut`` only half of its content, or not even its header where it has none."""
        if cut and not answer.content:
            raise _Gone
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        if self.close_connection or cut:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.content[: len(answer.content) // 2] if cut else answer.content)
        if cut:
            raise _Gone
