"""Sites: neighbouring cells that changed at about the same time."""

from __future__ import annotations

import numpy as np
import pandas as pd

_NEIGHBOURS = ((0, 0), (0, 1), (1, -1), (1, 0), (1, 1))
"""Steps to a cell's own place and to four of its eight neighbours; the other four see it from their side."""


def group_sites(row: np.ndarray, col: np.ndarray, start: np.ndarray, site_gap: int) -> np.ndarray:
    """Number of the site of each event, int (event).

    Two events stand together when their cells are the same or touch, by a side or a corner, and their starts lie at
    most `site_gap` periods apart; a site is everything that hangs together in this way.

    Args:
        row: rows of the events' cells.
        col: columns.
        start: indices of the starting periods.
        site_gap: most periods between two starts.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    events = pd.DataFrame({"row": row, "col": col, "start": start, "event": np.arange(len(row))})
    pairs = []
    for down, right in _NEIGHBOURS:
        moved = events.assign(row=events["row"] + down, col=events["col"] + right)
        both = events.merge(moved, on=["row", "col"])
        near = (both["start_x"] - both["start_y"]).abs() <= site_gap
        pairs.append(both.loc[near, ["event_x", "event_y"]].to_numpy())
    one, other = np.concatenate(pairs).T
    links = coo_array((np.ones(len(one), "i1"), (one, other)), shape=(len(events), len(events)))
    return connected_components(links, directed=False)[1]


def site_ids(site: np.ndarray, start: np.ndarray, event_id: np.ndarray) -> np.ndarray:
    """Identity of each event's site: the id of its earliest event, of these the smallest; text (event)."""
    events = pd.DataFrame({"site": site, "start": start, "event_id": event_id})
    first = events.sort_values(["start", "event_id"], kind="stable").drop_duplicates("site")
    return events["site"].map(first.set_index("site")["event_id"]).to_numpy()
