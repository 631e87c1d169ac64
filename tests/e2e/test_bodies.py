"""Requests that are wrong on the wire, as gunicorn meets them: refused, and others are served."""

import json
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import pytest

from tests import factories
from tests.e2e.server import Server

EVENTS = "/api/v1/events"
DEEP = b'{"a":' * 900 + b"1" + b"}" * 900
ANSWER_LIMIT_S = 20


class Wire:
    """Bytes to the server and back."""

    def __init__(self, server: Server, key: str) -> None:
        self._address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
        self._key = key

    def ask(
        self,
        headers: Sequence[str],
        body: bytes = b"",
        *,
        line: str = f"POST {EVENTS} HTTP/1.1",
        ends: bool = False,
    ) -> int:
        """The status of the answer; `ends`: the caller hangs up its side after the body."""
        sent = [line, "Host: 127.0.0.1", f"Authorization: Bearer {self._key}", *headers]
        sent += ["Content-Type: application/json", "Connection: close", "", ""]
        with socket.create_connection(self._address, timeout=ANSWER_LIMIT_S) as link:
            link.sendall("\r\n".join(sent).encode() + body)
            if ends:
                link.shutdown(socket.SHUT_WR)
            return int(link.recv(65536).split(b" ", 2)[1])


@pytest.fixture
def wire(server: Server) -> Wire:
    return Wire(server, server.create_project("wire", "--currency", "USD"))


def length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def test_what_is_wrong_on_the_wire_is_refused_and_the_next_request_is_served(wire: Wire) -> None:
    event = json.dumps(factories.event_body()).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event)
    deep = json.dumps(factories.event_body(data={"deep": 0})).encode().replace(b"0}", DEEP + b"}")
    statuses = {
        "in chunks": wire.ask(["Transfer-Encoding: chunked"], chunked),
        "in chunks and with a length": wire.ask(
            ["Transfer-Encoding: chunked", length(event)], chunked
        ),
        "two lengths": wire.ask([length(event), "Content-Length: 1"], event),
        "no number": wire.ask(["Content-Length: many"], event),
        "more than it sends": wire.ask([length(event)], event[:-1], ends=True),
        "less than it sends": wire.ask([f"Content-Length: {len(event) - 1}"], event),
        "six megabytes, announced": wire.ask([f"Content-Length: {6 * 1024 * 1024}"]),
        "a deep event": wire.ask([length(deep)], deep),
        "a header of 9,000 bytes": wire.ask([f"X-Long: {'x' * 9000}"]),
        "101 headers": wire.ask([f"X-{n}: 1" for n in range(101)]),
        "an address of 5,000 bytes": wire.ask([], line=f"GET /{'x' * 5000} HTTP/1.1"),
        "2,000 parameters": wire.ask([], line=f"GET /api/v1/customers?{'a&' * 2000} HTTP/1.1"),
        "an underscore for a hyphen": wire.ask([length(event), "X_Forwarded_For: 1.2.3.4"], event),
    }
    assert statuses == {
        "in chunks": 411,
        "in chunks and with a length": 400,
        "two lengths": 400,
        "no number": 400,
        "more than it sends": 400,
        "less than it sends": 400,
        "six megabytes, announced": 413,
        "a deep event": 400,
        "a header of 9,000 bytes": 431,
        "101 headers": 431,
        "an address of 5,000 bytes": 400,
        "2,000 parameters": 400,
        "an underscore for a hyphen": 201,
    }
    fresh = json.dumps(factories.event_body()).encode()
    assert wire.ask([length(fresh)], fresh) == 201
