"""The persistence rule as r.mapcalc statements: an independent reading of its definition, for checks in GRASS.

The definition stands in `persistence`. Nothing here is compiled or shared with it; r.mapcalc's `eval` works through the
periods row by row. Source of the syntax: manual of r.mapcalc, GRASS 8.2.
"""

from __future__ import annotations

from collections.abc import Sequence

_BASE = 64
"""Start, confirmation and reversal are digits of this base in one integer map, as `eval` has one result."""


def persistence_expression(
    maps: Sequence[str],
    persistence: int,
    max_gap: int,
    first_state: int = 2,
    event: int = 1,
    output: str = "gain",
) -> list[str]:
    """Statements that find the n-th confirmed gain of each cell, to be run by r.mapcalc one after the other.

    Args:
        maps: one map per period in order of time, or an expression in parentheses: 1 impervious, 0 other, NULL not
            observed.
        persistence: observed periods in a row that change the state.
        max_gap: unobserved periods in a row that a run may bridge.
        first_state: observed periods in a row that establish the first state.
        event: which gain of the cell, from 1.
        output: beginning of the names of the maps made: `{output}` (all in one) and, from it, `{output}_start`,
            `{output}_confirmed`, `{output}_reversal` and `{output}_reversal_confirmed`: place of the period in `maps`,
            from 1; 0 = none.

    Returns:
        Five statements.

    Raises:
        ValueError: no maps, or more than 63.
    """
    if not 1 <= len(maps) < _BASE:
        raise ValueError(f"{len(maps)} maps: r.mapcalc checks 1 to {_BASE - 1} periods")
    found = ("start", "confirmed", "reversal", "reversal_confirmed")
    steps = ["state0 = 9", "last0 = 9", "length0 = 0", "first0 = 0", "gap0 = 0", "count0 = 0"]
    steps += [f"{name}0 = 0" for name in found]
    for t, source in enumerate(maps, start=1):
        b = t - 1
        steps += [
            f"v{t} = if(isnull({source}), 9, {source})",
            f"gap{t} = if(v{t} == 9, gap{b} + 1, 0)",
            f"ended{t} = gap{t} > {max_gap}",
            f"last{t} = if(ended{t}, 9, if(v{t} == 9, last{b}, v{t}))",
            f"length{t} = if(ended{t}, 0, if(v{t} == 9, length{b}, if(v{t} == last{b}, length{b} + 1, 1)))",
            f"first{t} = if(v{t} != 9 && v{t} != last{b}, {t}, first{b})",
            f"turn{t} = v{t} != 9 && v{t} != state{b} && length{t} >= if(state{b} == 9, {first_state}, {persistence})",
            f"state{t} = if(turn{t}, v{t}, state{b})",
            f"gained{t} = turn{t} && state{b} == 0",
            f"count{t} = count{b} + gained{t}",
            f"here{t} = gained{t} && count{t} == {event}",
            f"back{t} = turn{t} && state{b} == 1 && count{b} == {event}",
            f"start{t} = if(here{t}, first{t}, start{b})",
            f"confirmed{t} = if(here{t}, {t}, confirmed{b})",
            f"reversal{t} = if(back{t}, first{t}, reversal{b})",
            f"reversal_confirmed{t} = if(back{t}, {t}, reversal_confirmed{b})",
        ]
    end = len(maps)
    packed = " + ".join(f"{_BASE**power} * {name}{end}" for power, name in enumerate(found))
    return [
        f"{output} = eval({', '.join([*steps, packed])})",
        *(f"{output}_{name} = ({output} / {_BASE**power}) % {_BASE}" for power, name in enumerate(found)),
    ]
