"""An HTTP server on this machine that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """One answer: what is sent, and what of it is a lie."""

    body: bytes = b""
    status: int = 200
    declared: int | None = None  # the Content-Length, where it is not the body's
    cut: int | None = None  # bytes after which the connection is closed
    delay: float = 0.0  # seconds before anything is sent
    pause: float = 0.0  # seconds between blocks of `block` bytes
    block: int = 1 << 20
    location: str = ""


@dataclass
class Server:
    """Where it listens, and the paths that were asked for."""

    address: str
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def serving(answers: dict[str, list[Answer]]) -> Iterator[Server]:
    """Serve each path's answers in turn, the last one for ever."""
    server = Server("")
    left = {path: list(planned) for path, planned in answers.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append(self.path)
            planned = left.get(self.path, [Answer(status=404)])
            answer = planned.pop(0) if len(planned) > 1 else planned[0]
            with contextlib.suppress(OSError):  # the client has gone
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            time.sleep(answer.delay)
            self.send_response(answer.status)
            if answer.location:
                self.send_header("Location", answer.location)
            self.send_header(
                "Content-Length", str(len(answer.body) if answer.declared is None else answer.declared)
            )
            self.end_headers()
            body = answer.body if answer.cut is None else answer.body[: answer.cut]
            for start in range(0, len(body), answer.block):
                self.wfile.write(body[start : start + answer.block])
                self.wfile.flush()
                time.sleep(answer.pause)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.address = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
