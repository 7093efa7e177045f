"""Addresses as they may be stored or printed: without the parts that grant access."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_AZURE = re.compile(
    r"^(s[vspertirg]|srt|spr|sip|sig|sdd|sk(oid|tid|t|e|s|v)|saoid|suoid|scid)$", re.IGNORECASE
)
"""Query parameters of an Azure shared access signature."""

_SECRET = re.compile(
    r"^(sig|signature|token|access_?token|api_?key|key|subscription-key|password|expires|policy|key-pair-id"
    r"|awsaccesskeyid|googleaccessid|x-(amz|goog)-.*)$",
    re.IGNORECASE,
)
"""Query parameters of the other usual signatures (S3, CloudFront, Google Cloud Storage) and of bare keys."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"<>)]+", re.IGNORECASE)


def unsigned(href: str) -> str:
    """An address without signature, token, key or password; what else its query says is kept.

    A signed address expires and grants access to whoever reads it: it is never written to disk.
    """
    parts = urlsplit(href)
    if not parts.scheme or not parts.netloc:
        return href
    fields = [(f.split("=")[0], f) for f in parts.query.split("&") if f]
    azure = any(name.lower() == "sig" for name, _ in fields)
    kept = [f for name, f in fields if not (_SECRET.match(name) or (azure and _AZURE.match(name)))]
    netloc = parts.netloc.rsplit("@", 1)[-1]
    if netloc == parts.netloc and len(kept) == len(fields):
        return href
    return urlunsplit(parts._replace(netloc=netloc, query="&".join(kept)))


def redacted(text: str) -> str:
    """A message in which every address is `unsigned`."""
    return _ADDRESS.sub(lambda found: unsigned(found[0]), text)
