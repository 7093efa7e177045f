"""Ways to tell: mail by sendmail or SMTP, and a post to a webhook. Addresses with secrets come from the environment."""

from __future__ import annotations

import logging
import os
import shutil
import smtplib
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import urllib3

from ..errors import ServiceError
from ..feed.entries import urn
from ..feed.write import collection_of
from ..files import write_json

_LOG = logging.getLogger(__name__)

_TIMEOUT_S = 30
_PAUSES_S = (0.5, 1, 2)
_MOST_POSTED = 1000
_SENDMAIL_PLACES = "/usr/sbin:/usr/lib:/usr/local/sbin"


class Way(Protocol):
    """A way to tell."""

    def send(self, subject: str, text: str, alerts: list[dict[str, Any]]) -> None:
        """Send a message; raises ServiceError if it did not go out."""


class Print:
    """Standard output, which cron mails and systemd keeps."""

    def send(self, subject: str, text: str, alerts: list[dict[str, Any]]) -> None:
        """Print the text."""
        print(text, end="", flush=True)


class Mail:
    """Mail to people: by the server of SEALWATCH_SMTP_URL, or by the machine's own sendmail.

    `smtps://user:password@host:465` is encrypted from the start, `smtp://host:587` by STARTTLS where the server offers
    it. A password is sent over an encrypted connection only.
    """

    def __init__(self, to: Sequence[str], sender: str | None) -> None:
        self._to = [_address("--mail-to", value) for value in to]
        self._from = _address("--mail-from", sender or f"sealwatch@{socket.getfqdn()}")
        self._server = _smtp_server(os.environ.get("SEALWATCH_SMTP_URL"))
        self._sendmail = shutil.which("sendmail", path=f"{os.environ.get('PATH', '')}:{_SENDMAIL_PLACES}")
        if self._server is None and self._sendmail is None:
            raise ServiceError(
                "--mail-to: there is no sendmail on this machine; put the address of a mail server into the "
                "environment variable SEALWATCH_SMTP_URL (docs/scheduled.md)"
            )

    def send(self, subject: str, text: str, alerts: list[dict[str, Any]]) -> None:
        """Send `text` as plain text in UTF-8."""
        message = EmailMessage()
        message["Subject"] = subject
        message["From"] = self._from
        message["To"] = self._to
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain=self._from.domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, charset="utf-8", cte="quoted-printable")
        if self._server is None:
            self._by_sendmail(message)
        else:
            self._by_smtp(message)

    def _by_sendmail(self, message: EmailMessage) -> None:
        try:
            done = subprocess.run(
                [str(self._sendmail), "-t", "-i"],
                input=message.as_bytes(),
                capture_output=True,
                timeout=_TIMEOUT_S * 2,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceError(f"mail: {self._sendmail} did not take it ({type(error).__name__})") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[:300]
            raise ServiceError(f"mail: {self._sendmail} ended with status {done.returncode}: {said}")

    def _by_smtp(self, message: EmailMessage) -> None:
        scheme, host, port, user, password = self._server  # type: ignore[misc]
        encrypted, trusted = scheme == "smtps", ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=trusted)
                if encrypted
                else smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
            ) as server:
                server.ehlo_or_helo_if_needed()
                if not encrypted and server.has_extn("starttls"):
                    server.starttls(context=trusted)
                    encrypted = True
                if user is not None:
                    if not encrypted:
                        raise ServiceError(
                            f"mail: {host}:{port} offers no encryption, so the password was not sent; use smtps://"
                        )
                    server.login(user, password or "")
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            # Text of the error may repeat what was sent to the server.
            code = getattr(error, "smtp_code", None)
            raise ServiceError(
                f"mail: {host}:{port} did not take it ({type(error).__name__}{f' {code}' if code else ''})"
            ) from None
        if refused:
            # The others have it, so it counts as told.
            _LOG.warning("mail: %s:%d refused %s; the others got it", host, port, ", ".join(sorted(refused)))


class Post:
    """JSON `{"text": summary, "alerts": [...]}` to the webhook of SEALWATCH_WEBHOOK_URL, whose address is a secret.

    Of more than 1,000 alerts the first are posted; the text counts all of them.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError
        except ValueError:
            raise ServiceError("SEALWATCH_WEBHOOK_URL: is no address such as https://host/path") from None
        self._url, self._name = url, f"the webhook on {parts.hostname}"
        proxy = (
            None
            if urllib.request.proxy_bypass(parts.hostname)
            else urllib.request.getproxies().get(parts.scheme)
        )
        self._pool = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()

    def send(self, subject: str, text: str, alerts: list[dict[str, Any]]) -> None:
        """Post the message; a busy or absent server is tried again a few times."""
        for pause in (*_PAUSES_S, None):
            said, again = self._once({"text": text, "alerts": alerts[:_MOST_POSTED]})
            if said is None:
                return
            if not again or pause is None:
                raise ServiceError(f"post: {self._name} did not take it ({said})")
            time.sleep(pause)

    def _once(self, body: dict[str, Any]) -> tuple[str | None, bool]:
        """What went wrong, None if nothing did, and whether another try makes sense."""
        try:
            # urllib3's own retries would log the address.
            answer = self._pool.request(
                "POST", self._url, json=body, timeout=_TIMEOUT_S, retries=False, redirect=False
            )
        except urllib3.exceptions.ReadTimeoutError:
            return "no answer", False  # it may have taken it
        except urllib3.exceptions.HTTPError as error:
            return type(error).__name__, True
        if 200 <= answer.status < 300:
            return None, False
        return f"status {answer.status}", answer.status in (429, 500, 502, 503, 504)


class Save:
    """GeoJSON of the alerts that are new or have another status, as points: those of the last run that had any."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path, self._about = path, about

    def send(self, subject: str, text: str, alerts: list[dict[str, Any]]) -> None:
        """Write the file anew, with the ids of the feed; a run without news leaves it as it was."""
        if not alerts:
            return
        features = [
            {
                "type": "Feature",
                "id": urn(self._about["project"], alert["alert_id"]),
                "geometry": {"type": "Point", "coordinates": [alert["lon"], alert["lat"]]},
                "properties": {key: value for key, value in alert.items() if key not in ("lon", "lat")},
            }
            for alert in alerts
        ]
        try:
            write_json(self._path, collection_of(subject, features, self._about))
        except OSError as error:
            raise ServiceError(
                f"{self._path}: cannot be written ({error.strerror}); make its folder writable"
            ) from error


def _address(option: str, value: str) -> Address:
    try:
        address = Address(addr_spec=value)
    except (ValueError, IndexError, MessageError):
        address = Address()
    if not address.username or not address.domain or not value.isprintable():
        raise ServiceError(f"{option}: {value!r} is no mail address such as alerts@example.org")
    return address


def _smtp_server(url: str | None) -> tuple[str, str, int, str | None, str | None] | None:
    """Scheme, host, port, user and password."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or {"smtps": 465, "smtp": 25}[parts.scheme]
        if not parts.hostname:
            raise ValueError
    except (ValueError, KeyError):
        raise ServiceError(
            "SEALWATCH_SMTP_URL: is no address such as smtps://user:password@mail.example.org:465"
        ) from None
    user, password = parts.username, parts.password
    return parts.scheme, parts.hostname, port, user and unquote(user), password and unquote(password)


def chosen_ways(mail_to: Sequence[str], mail_from: str | None, save: Save | None = None) -> dict[str, Way]:
    """The ways to tell by their names: mail and post, or print where there is neither; and a file.

    Raises:
        ServiceError: an address is none, or there is no way to send mail.
    """
    ways: dict[str, Way] = {}
    if mail_to:
        ways["mail"] = Mail(mail_to, mail_from)
    if os.environ.get("SEALWATCH_WEBHOOK_URL"):
        ways["post"] = Post(os.environ["SEALWATCH_WEBHOOK_URL"])
    ways = ways or {"print": Print()}
    if save:
        ways["save"] = save
    return ways
