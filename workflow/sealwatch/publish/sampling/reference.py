"""What people saw in the units of a sample, as one label for each unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from psycopg.rows import dict_row

from ..database import connect
from .planner import CLASSES
from .store import SampleError, agreement_of, strata_of

OUTCOMES = (*CLASSES, "unsure", "disputed", "unanswered")
"""What became of a unit; the last three give no label."""


@dataclass(frozen=True, slots=True)
class Interpreted:
    """A sample with the labels given so far.

    Attributes:
        sample: row of table `sample`, with `closed_at`.
        strata: rows of `sample_stratum` in the order of `STRATA`.
        units: `unit`, `stratum`, `map_label`.
        labels: `unit`, `reviewer`, `label`: the latest of each person.
        agreement: rows of view `sample_agreement`: two reviewers, `units` both labelled, `agreed` of these.
    """

    sample: dict[str, Any]
    strata: list[dict[str, Any]]
    units: pd.DataFrame
    labels: pd.DataFrame
    agreement: list[dict[str, Any]]


def read_interpreted(settings: Mapping[str, Any], name: str) -> Interpreted:
    """Read a sample; the account must own the tables.

    Args:
        settings: section `database` of the configuration.
        name: of the sample.

    Raises:
        SampleError: there is no such sample.
        DatabaseError: the database is out of reach or refuses.
    """
    with (
        connect(settings) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
        # One snapshot, so that a label which arrives meanwhile is in all parts or in none.
        connection.transaction(),
    ):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sample = cursor.execute(
            "SELECT s.sample, title, period_start, period_end, cell_size_m, buffer_cells, map_digest, "
            "unobserved_cells, closed_at "
            "FROM sample s LEFT JOIN sample_closing USING (sample) WHERE s.sample = %s",
            [name],
        ).fetchone()
        if sample is None:
            raise SampleError(f"there is no sample {name}; list shows them")
        units = cursor.execute(
            "SELECT unit, stratum, map_label FROM sample_unit WHERE sample = %s ORDER BY unit", [name]
        ).fetchall()
        labels = cursor.execute(
            "SELECT unit, reviewer, label FROM interpretation_latest WHERE sample = %s ORDER BY unit, reviewer",
            [name],
        ).fetchall()
        return Interpreted(
            sample,
            strata_of(connection, name),
            pd.DataFrame(units, columns=["unit", "stratum", "map_label"]),
            pd.DataFrame(labels, columns=["unit", "reviewer", "label"]),
            agreement_of(connection, name),
        )


def outcomes(units: pd.Series, labels: pd.DataFrame, referee: str | None = None) -> pd.Series:
    """One of `OUTCOMES` for each unit.

    The label most people gave counts, "unsure" not being one; where as many say one as the other the unit is disputed.
    The label of a referee counts before all others.

    Args:
        units: numbers of all units.
        labels: `unit`, `reviewer`, `label`; at most one row for each unit and reviewer.
        referee: a reviewer.

    Returns:
        Outcomes in the order of `units`.

    Raises:
        SampleError: the referee has not labelled any unit.
    """
    if referee is not None and referee not in set(labels["reviewer"]):
        raise SampleError(f"--referee {referee}: has labelled no unit; use a name that list shows")
    decided = labels[labels["label"].isin(CLASSES)]
    votes = pd.crosstab(decided["unit"], decided["label"]).reindex(units, columns=CLASSES, fill_value=0)
    difference = votes[CLASSES[0]] - votes[CLASSES[1]]
    result = pd.Series("unanswered", index=pd.Index(units), dtype=object)
    result[units.isin(labels["unit"]).to_numpy()] = "unsure"
    result[votes.sum(axis=1) > 0] = "disputed"
    result[difference > 0] = CLASSES[0]
    result[difference < 0] = CLASSES[1]
    if referee is not None:
        word = decided[decided["reviewer"] == referee].set_index("unit")["label"]
        result.update(word)
    return result.reset_index(drop=True)
