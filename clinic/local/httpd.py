"""A small HTTP server for the local providers: one function answers every request."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LONGEST_BODY = 10_000_000


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def form(self) -> dict[str, str]:
        """The fields of a urlencoded body; of a repeated field the last."""
        return {
            name: values[-1] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()
        }

    def json(self) -> dict[str, Any]:
        """The object in a JSON body; an empty one is an empty object."""
        found = json.loads(self.body or b"{}")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Reply | None]


def as_json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status=status, body=json.dumps(value, indent=1).encode(), headers=headers or {})


def server(*, listener: socket.socket, answer: Answer) -> ThreadingHTTPServer:
    """A server on a socket that is bound. `answer` returning None closes the connection without a word."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY)
            address = urlsplit(self.path)
            query = {
                name: values[-1] for name, values in parse_qs(address.query, keep_blank_values=True).items()
            }
            request = Request(
                method=self.command,
                path=address.path,
                query=query,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )
            reply = answer(request)
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _serve

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    made = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
    made.socket.close()
    made.socket = listener
    listener.listen(128)
    made.server_address = listener.getsockname()
    made.server_name, made.server_port = "127.0.0.1", listener.getsockname()[1]
    return made
