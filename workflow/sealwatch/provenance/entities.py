"""Entities of an RO-Crate: files, folders, organisations and licences as flat JSON objects that refer by `@id`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..files import MEDIA_TYPES, file_digest

Entity = dict[str, Any]

_SPDX = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9.+]+)+|MIT|ISC|Zlib|Unlicense")
"""Licences that look like an SPDX identifier, such as CC-BY-4.0."""


class Graph:
    """Entities of a crate, one for each `@id`; what is added first comes first.

    Attributes:
        root: folder of the crate.
        entities: by `@id`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entities: dict[str, Entity] = {}

    def add(self, identity: str, kind: str | list[str], **properties: Any) -> str:
        """Add an entity unless its id is known; properties that are None are left out. Returns the id."""
        kept = {key: value for key, value in properties.items() if value is not None}
        self.entities.setdefault(identity, {"@id": identity, "@type": kind, **kept})
        return identity

    def add_file(self, path: Path, name: str, kind: list[str] | None = None, **properties: Any) -> str:
        """Add a file below the root with its media type, size and SHA-256."""
        return self.add(
            quote(path.relative_to(self.root).as_posix()),
            kind or "File",
            name=name,
            encodingFormat=MEDIA_TYPES.get(path.suffix, "text/plain"),
            contentSize=str(path.stat().st_size),
            sha256=file_digest(path).removeprefix("sha256:"),
            **properties,
        )

    def add_folder(self, path: Path, name: str, parts: Iterable[str], **properties: Any) -> str:
        """Add a folder below the root with what it holds."""
        identity = quote(path.relative_to(self.root).as_posix()) + "/"
        return self.add(identity, "Dataset", name=name, hasPart=references(parts), **properties)

    def add_outside(self, name: str, title: str, digest: str | None) -> str:
        """Add something that lies outside the crate and is known by its digest."""
        sha256 = digest.removeprefix("sha256:") if digest else None
        return self.add(f"#{quote(name)}", "CreativeWork", name=title, sha256=sha256)

    def add_organisation(self, contact: Mapping[str, str] | None) -> str | None:
        """Add the organisation that answers for the data with its address; None for nobody."""
        if contact is None:
            return None
        address = self.add(
            f"mailto:{contact['email']}",
            "ContactPoint",
            contactType="customer service",
            email=contact["email"],
        )
        return self.add(
            "#publisher", "Organization", name=contact["organisation"], contactPoint=reference(address)
        )

    def add_licence(self, licence: str | None) -> Entity | str:
        """Value of property `license`: a reference where the licence has an address, or else its text."""
        if licence is None:
            return "No licence is stated; ask the publisher before any use."
        if licence.startswith(("https://", "http://")):
            identity = licence
        elif _SPDX.fullmatch(licence):
            identity = f"https://spdx.org/licenses/{licence}"
        else:
            return licence
        return reference(self.add(identity, "CreativeWork", name=licence, description=f"Licence {licence}"))


def reference(identity: str) -> Entity:
    """A reference to an entity."""
    return {"@id": identity}


def references(identities: Iterable[str]) -> Any:
    """References to entities: one is no list, as compacted JSON-LD wants it; None for none."""
    found = [reference(identity) for identity in identities]
    return found[0] if len(found) == 1 else found or None
