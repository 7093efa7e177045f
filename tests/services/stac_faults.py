"""A loopback proxy in front of a STAC API that refuses chosen searches, once or for good."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Faults:
    """What the proxy does, by a text that the search's body holds, and what it saw.

    Attributes:
        plan: (text in the body, list of faults to do in turn; the last one stays where `forever`).
        seen: (time, body) of every search.
        sent: bytes of the answers passed on.
    """

    def __init__(self):
        self.plan = {}
        self.forever = set()
        self.seen = []
        self.sent = 0
        self._lock = threading.Lock()

    def next(self, body):
        with self._lock:
            self.seen.append((time.monotonic(), body))
            for text, faults in self.plan.items():
                if text in body and faults:
                    return faults[0] if text in self.forever else faults.pop(0)
        return None

    def times(self, text):
        return [at for at, body in self.seen if text in body]


@contextmanager
def proxy(upstream_port, port):
    """Run the proxy on a loopback port; yields (address, faults)."""
    faults = Faults()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.forward()

        def do_POST(self):
            self.forward()

        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = faults.next(body.decode()) if self.command == "POST" else None
            if fault == "die":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if isinstance(fault, dict):
                self.answer(fault["status"], b'{"description": "no"}', fault.get("headers", {}))
                return
            if fault == "html":
                self.answer(200, b"<html>gateway</html>", {})
                return
            upstream = HTTPConnection("127.0.0.1", upstream_port, timeout=60)
            headers = {"Host": self.headers["Host"], "Content-Type": "application/json"}
            upstream.request(self.command, self.path, body or None, headers)
            reply = upstream.getresponse()
            data = reply.read()
            if fault == "undercount":
                page = json.loads(data)
                page["numberMatched"] = len(page["features"]) + 1
                page["links"] = []
                data = json.dumps(page).encode()
            faults.sent += len(data)
            if fault == "break":
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            self.answer(reply.status, data, {"Content-Type": reply.headers["Content-Type"]})

        def answer(self, status, data, headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faults
    finally:
        server.shutdown()
        server.server_close()
