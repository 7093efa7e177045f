"""A loopback HTTP server in front of image files: ranged requests, tokens, scripted faults, added delay.

It stands for the blob storage and the token endpoint of the Planetary Computer: as forward proxy it answers for
any host, so that clients may use real addresses (`http_proxy=http://127.0.0.1:PORT`).

python -m builders.fault_server FOLDER --port 18700 [--delay 0.03]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

FAULTS = (
    "429",
    "500",
    "503",
    "504",
    "403",  # the token's life ends: every request with it is refused from now on
    "reset",  # half of the bytes, then a connection reset
    "short",  # half of the bytes, then an orderly end
    "cut",  # half of the bytes, and a Content-Length that fits them
    "long",  # Content-Length promises more than there is
    "slow",  # all bytes, a few at a time
    "html",  # an error page with status 200
    "shrunk",  # as if the file had been cut off in the middle
)
"""What can be scripted; each happens to one request."""


class FaultServer:
    """Serves `folder`; a context manager that gives itself.

    Attributes:
        requests: number of requests by path.
        tokens: number of tokens handed out by container.
        lives: number of token lives that began by container, including the first.
        early: requests that came before the time a Retry-After named.

    Args:
        folder: files below it are `/{container}/...`.
        faults: happen to the next requests for files, in this order.
        delay: seconds added to each answer.
        signed: whether requests need a valid token.
        retry_after: seconds that answers 429 and 503 ask for.
    """

    def __init__(
        self,
        folder: str | Path,
        faults: Iterable[str] = (),
        delay: float = 0.0,
        signed: bool = False,
        retry_after: int | None = None,
        port: int = 0,
    ) -> None:
        self.folder = Path(folder)
        self.faults = deque(faults)
        self.delay, self.signed, self.retry_after, self.port = delay, signed, retry_after, port
        self.requests: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.lives: defaultdict[str, int] = defaultdict(lambda: 1)
        self.early = 0
        self.token_faults: deque[str] = deque()
        self._not_before: dict[str, float] = {}
        self._contents: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultServer:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                method, address, _ = first.split(" ")
                fields = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not await self._answer(writer, method, address, fields):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, address: str, fields: dict[str, str]
    ) -> bool:
        parts = urlsplit(address)
        name = parts.path.lstrip("/")
        if name.startswith("token/"):
            return await self._token(writer, name.removeprefix("token/").split("/")[-1])
        self.requests[name] += 1
        if time.monotonic() < self._not_before.pop(name, 0.0):
            self.early += 1
        container = name.split("/")[0]
        fault = self.faults.popleft() if self.faults and method == "GET" else ""
        if fault == "403" and self.signed:
            self._end_life(container)
        if self.signed and parse_qs(parts.query).get("sig", [""])[0] != self._valid(container):
            return await self._send(writer, 403, b"<Error>AuthenticationFailed</Error>", "application/xml")
        if fault.isdigit() and fault != "403":
            wait = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
            if fault in ("429", "503") and wait:
                self._not_before[name] = time.monotonic() + (self.retry_after or 0) - 0.01
            return await self._send(writer, int(fault), b"try again later", "text/plain", wait)
        if fault == "html":
            return await self._send(writer, 200, b"<!DOCTYPE html><html>Sorry</html>" * 50, "text/html")
        content = self._content(name)
        if content is None:
            return await self._send(writer, 404, b"not found", "text/plain")
        if fault == "shrunk":
            content = content[: len(content) // 2]
        return await self._file(writer, method, memoryview(content), fields, fault)

    async def _file(
        self,
        writer: asyncio.StreamWriter,
        method: str,
        content: memoryview,
        fields: dict[str, str],
        fault: str,
    ) -> bool:
        total, extra = len(content), {"Accept-Ranges": "bytes", "ETag": f'"{len(content):x}"'}
        status, body = 200, content
        if asked := fields.get("range", "").removeprefix("bytes="):
            first, _, last = asked.partition("-")
            start, stop = int(first), min(int(last or total - 1) + 1, total)
            if start >= total:
                return await self._send(writer, 416, b"", "text/plain", {"Content-Range": f"bytes */{total}"})
            status, body = 206, content[start:stop]
            extra["Content-Range"] = f"bytes {start}-{stop - 1}/{total}"
        if fault == "cut":
            body = body[: len(body) // 2]
        promised = len(body) + (1000 if fault == "long" else 0)
        head = self._head(status, promised, "image/tiff", extra)
        if method == "HEAD":
            body = body[:0]
        if fault in ("reset", "short"):
            writer.write(head + bytes(body[: len(body) // 2]))
            await writer.drain()
            if fault == "reset":
                await asyncio.sleep(0.01)
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            return False
        writer.write(head)
        if fault == "slow":
            for first_byte in range(0, len(body), max(len(body) // 8, 1)):
                writer.write(body[first_byte : first_byte + max(len(body) // 8, 1)])
                await writer.drain()
                await asyncio.sleep(0.01)
        else:
            writer.write(body)
        await writer.drain()
        return fault != "long"

    async def _token(self, writer: asyncio.StreamWriter, container: str) -> bool:
        if self.token_faults:
            return await self._send(writer, int(self.token_faults.popleft()), b"busy", "text/plain")
        self.tokens[container] += 1
        expiry = datetime.now(UTC) + timedelta(minutes=45)
        answer = {"msft:expiry": expiry.isoformat(), "token": f"sp=rl&sig={self._valid(container)}"}
        return await self._send(writer, 200, json.dumps(answer).encode(), "application/json")

    def _valid(self, container: str) -> str:
        return f"secret-{container}-{self.lives[container]}"

    def _end_life(self, container: str) -> None:
        # A life ends only where a token of it was handed out.
        if self.tokens[container] >= self.lives[container]:
            self.lives[container] += 1

    def _content(self, name: str) -> bytes | None:
        if name not in self._contents:
            path = self.folder / name
            if not path.is_file():
                return None
            self._contents[name] = path.read_bytes()
        return self._contents[name]

    @staticmethod
    def _head(status: int, length: int, kind: str, extra: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {status} -", f"Content-Length: {length}", f"Content-Type: {kind}"]
        return "\r\n".join([*lines, *(f"{k}: {v}" for k, v in extra.items()), "", ""]).encode()

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        body: bytes,
        kind: str,
        extra: dict[str, str] | None = None,
    ) -> bool:
        writer.write(self._head(status, len(body), kind, extra or {}) + body)
        await writer.drain()
        return True


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=18700)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    with FaultServer(options.folder, delay=options.delay, port=options.port) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
