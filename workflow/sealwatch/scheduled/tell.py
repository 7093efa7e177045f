"""Tell what is new, each thing once by each way."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import SealwatchError
from .runs import SECRETS, Failure
from .send import Print, Way
from .state import State, Told, read_state
from .summary import find_news, headline, write_summary

_SHORTEST_SECRET = 8


def tell(
    config: Mapping[str, Any],
    ways: Mapping[str, Way],
    told: Told,
    failure: Failure | None,
    span: str,
    always: bool,
) -> bool:
    """Compare what there is with what was told, send the difference and note that it went out.

    Args:
        config: of the project.
        ways: by name.
        told: what was told before; not altered for a way that fails, so its news come with the next message.
        failure: of the run, told in any case.
        span: when and where the run was.
        always: send also where there is no news of alerts.

    Returns:
        Whether the run went well and every message went out.
    """
    try:
        state = read_state(config)
    except SealwatchError as error:
        failure = failure or Failure(str(error))
        state = State({}, frozenset(), frozenset())
    if failure:
        print(f"sealwatch: error: {failure.what}", file=sys.stderr)
    well = failure is None
    for name, way in ways.items():
        news = find_news(Path(config["results"]), told.before(name), state)
        if not (news.alerts or failure or always):
            continue
        subject = headline(config["project"], news, failure)
        text = _without_secrets(write_summary(config, news, failure, span))
        try:
            way.send(subject, text, news.alerts)
        except SealwatchError as error:
            print(f"sealwatch: error: {error}; it is told at the next run", file=sys.stderr)
            well = False
        else:
            told.tell(name, state)
            if not isinstance(way, Print):
                print(f"{name}: {subject}")
    return well


def _without_secrets(text: str) -> str:
    """A rule's output has no secrets in it; if one ever does, it is not sent on."""
    names = [*SECRETS, *(name for name in os.environ if name.endswith(("_DSN", "_PASSWORD", "_TOKEN")))]
    for value in {os.environ.get(name, "") for name in names}:
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    return text
