"""What the feed says of itself, from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def about(config: Mapping[str, Any]) -> dict[str, Any]:
    """Project, title, attribution, licence, contact and address of a project, for its feed."""
    services = config["services"]
    return {
        "project": config["project"],
        "title": services["title"],
        "attribution": config["attribution"],
        "licence": services["licence"],
        "contact": services["contact"],
        "url": services["public_url"],
    }
