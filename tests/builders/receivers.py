"""Servers that take what a scheduled run sends: SMTP, with and without TLS, and a webhook."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import subprocess
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class _Server:
    """Serves on a loopback port while its block lasts."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self.port = server.server_address[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class MailServer(_Server):
    """An SMTP server.

    Attributes:
        mails: messages taken.
        recipients: addresses named in the envelopes.
        logins: user and password of each AUTH PLAIN.
        refused: recipients to refuse.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        """With a certificate (PEM with key) the server speaks TLS from the start."""
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.logins: list[list[str]] = []
        self.refused: set[str] = set()
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer._session(self)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that refuse the certificate
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        super().__init__(server)

    def _session(self, client: socketserver.StreamRequestHandler) -> None:
        def say(text: str) -> None:
            client.wfile.write(text.encode() + b"\r\n")

        say("220 ready")
        while line := client.rfile.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "EHLO":
                say("250-here\r\n250-8BITMIME\r\n250 AUTH PLAIN")
            elif verb.upper() == "AUTH":
                self.logins.append(base64.b64decode(rest.split()[1]).decode().split("\0")[1:])
                say("235 welcome")
            elif verb.upper() == "RCPT":
                address = rest.partition("<")[2].partition(">")[0]
                if address in self.refused:
                    say("550 nobody of that name")
                else:
                    self.recipients.append(address)
                    say("250 fine")
            elif verb.upper() == "DATA":
                say("354 go on")
                lines = []
                while (part := client.rfile.readline()) != b".\r\n":
                    lines.append(part.removeprefix(b".") if part.startswith(b"..") else part)
                self.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
                say("250 taken")
            elif verb.upper() == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


class Webhook(_Server):
    """A server that takes posts.

    Attributes:
        posts: bodies taken, by path.
        answers: statuses of the next answers; 200 when there are none left.
        requests: number of requests.
    """

    def __init__(self) -> None:
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests += 1
                status = outer.answers.pop(0) if outer.answers else 200
                if status == 200:
                    outer.posts.append((self.path, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), Handler))


def make_certificate(path: Path) -> Path:
    """Write a certificate of localhost and its key, signed by itself."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", f"{path}.crt"]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path
