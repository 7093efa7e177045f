"""What the feed says of itself, from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def about(config: Mapping[str, Any]) -> dict[str, Any]:
    """Title, attribution, licence, contact and address of a project's feed (see `write_feed`)."""
    services = config["services"]
    return {
        "title": services["title"],
        "attribution": config["attribution"],
        "licence": services["licence"],
        "contact": services["contact"],
        "url": services["public_url"],
    }
