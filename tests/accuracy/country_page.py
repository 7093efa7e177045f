"""docs/accuracy_country.md: what the synthetic country says, in words and tables made of the figures."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.table import write_page

from .table import Figure

_SIZES = ("04_1ha", "1_2ha", "2_5ha", "5_10ha", "10_40ha")
_RESPONSES = ("0ha", "04ha", "1ha", "2ha", "5ha", "10ha", "20ha", "40ha")
_GOALS = (("users", 0.90), ("producers_2ha", 0.80))
_SOURCES = {
    "halo": "beside a true change: the patch reaches over it, the cell does not touch it",
    "date": "at a true change, start more than one half-year off",
    "blip": "sealed look for 6 or 12 months",
    "sealed": "sealed from the beginning, but first seen as something else",
    "flicker": "no sealed land in the patch: season, year, date and confusion together",
}

_HEAD = """\
# What the method sees of a country with known changes

Made by `make accuracy ONLY=country`; every figure is a row of [accuracy.md](accuracy.md). The definitions of user's and
producer's accuracy, of date error and of the sources of false gains stand in `tests/accuracy/country_score.py`, the
country in `tests/accuracy/country.py` and `country_land.py`.

The country is synthetic, the answers are not: for every cell, stride and state of the land a trained network was asked
about the 64 x 64 pixels around it, put together from real patches of places held out of its training. Season, year and
date move these answers as much as they move in real monthly series and scenes of unchanged places. Two networks are
compared: *pure* has seen patches of one class each, *mixed* also patches with pasted blocks, labelled by their central
160 m (`classifier.centre_mix`), for twice as many epochs. Both are small and trained on few patches; a better
network moves all figures, so read them as differences first.

The 95 % intervals take changes as independent. They repeat the same sites with other histories, and the sites show some
tens of real patches, so the true intervals are wider.
"""


class _Rows:
    def __init__(self, figures: Iterable[Figure]) -> None:
        self._of = {f.name: f for f in figures}

    def value(self, name: str) -> str:
        figure = self._of.get(name)
        return "-" if figure is None or figure.value is None else f"{figure.value:.2f}"

    def raw(self, name: str) -> float | None:
        figure = self._of.get(name)
        return None if figure is None else figure.value

    def interval(self, name: str) -> str:
        figure = self._of.get(name)
        if figure is None or figure.value is None:
            return "-"
        if figure.low is None or figure.high is None:
            return f"{figure.value:.2f}"
        return f"{figure.value:.2f} ({figure.low:.2f}-{figure.high:.2f})"


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> list[str]:
    titles = list(head)
    rule = ["---", *["---:"] * (len(titles) - 1)]
    return ["", *("| " + " | ".join(cells) + " |" for cells in (titles, rule, *lines)), ""]


def _variants(rows: _Rows) -> list[str]:
    lines = []
    for stride in (64, 32, 16):
        for network, suffix in (("pure", ""), ("mixed", "_mixed")):
            for method, end in (("probability", ""), ("mode", "_mode")):
                names = ("users", "producers", "producers_2ha", "producers_area", "half_error")
                cells = [rows.interval(f"country_s{stride}_{n}{suffix}{end}") for n in names]
                lines.append([f"{stride}, {network}, {method}", *cells])
    head = (
        "stride, network, composites",
        "user's",
        "producer's",
        "producer's, 2 ha and more",
        "producer's, by area",
        "date error, half-years",
    )
    return _table(head, lines)


def _goal(rows: _Rows) -> list[str]:
    settings = {"pure": "", "mixed": "_mixed"}
    for network, suffix in tuple(settings.items()):
        settings[f"{network}, majority_px 3"] = f"{suffix}_prior"
        settings[f"{network}, min_confidence 0.7"] = f"{suffix}_sure"
        for percent in (20, 40, 50, 60):
            settings[f"{network}, min_rise {percent / 100:g}"] = f"{suffix}_r{percent}"
        for percent in (60, 70, 80, 90):
            settings[f"{network}, confidence from 0.{percent // 10}"] = f"{suffix}_c{percent}"
    met = []
    for text, suffix in settings.items():
        values = [rows.raw(f"country_s16_{name}{suffix}") for name, _ in _GOALS]
        if all(v is not None and v >= goal for v, (_, goal) in zip(values, _GOALS, strict=True)):
            met.append(text)
    if met:
        text = (
            "`min_rise` was chosen here. On another country of this kind, with other land and footprints, the mixed "
            f"network has {rows.value('country_s16_users_mixed_again')} and "
            f"{rows.value('country_s16_producers_2ha_mixed_again')}: take that for what to expect."
        )
        return [f"**The goal is met at stride 16 by: {'; '.join(met)}.** {text}"]
    return ["**The goal is not met at stride 16 by any of the settings below.**"]


def _choices(rows: _Rows) -> list[str]:
    lines = []
    for network, suffix in (("pure", ""), ("mixed", "_mixed")):
        for text, end in (
            ("as configured (min_rise 0.3)", ""),
            *((f"confidence from 0.{t // 10}", f"_c{t}") for t in (60, 70, 80, 90)),
            ("no season, years and dates (not a setting: what they cost)", "_still"),
            *((f"min_rise {t / 100:g}", f"_r{t}") for t in (0, 20, 40, 50, 60)),
            ("composites with majority_px 3", "_prior"),
            ("composites with min_confidence 0.7", "_sure"),
            ("as configured, on another country of this kind", "_again"),
            ("persistence 2", "_p2"),
            ("persistence 4", "_p4"),
        ):
            cells = [rows.interval(f"country_s16_{n}{suffix}{end}") for n in ("users", "producers_2ha")]
            lines.append([f"{network}, {text}", *cells])
    return _table(("stride 16, probability", "user's", "producer's, 2 ha and more"), lines)


def _by_size(rows: _Rows) -> list[str]:
    lines = []
    for stride in (64, 32, 16):
        for network, suffix in (("pure", ""), ("mixed", "_mixed")):
            cells = [rows.value(f"country_s{stride}_producers_{size}{suffix}") for size in _SIZES]
            lines.append([f"{stride}, {network}", *cells])
    return _table(
        ("producer's accuracy", "0.4-1 ha", "1-2 ha", "2-5 ha", "5-10 ha", "10-40 ha"),
        lines,
    )


def _false(rows: _Rows) -> list[str]:
    lines = []
    for source, text in _SOURCES.items():
        cells = [rows.value(f"country_s16_false_{source}{v}") for v in ("", "_mixed")]
        lines.append([text, *cells])
    for text, name in (
        ("right, cells", "users"),
        ("right, sites (neighbouring cells)", "users_sites"),
        ("right, cells, if changes were as rare as in the paper", "users_rare"),
    ):
        lines.append([text, *(rows.value(f"country_s16_{name}{v}") for v in ("", "_mixed"))])
    return _table(("share of the confirmed cells, stride 16", "pure", "mixed"), lines)


def _response(rows: _Rows) -> list[str]:
    lines = []
    for position in ("middle", "corner"):
        for network, suffix in (("pure", ""), ("mixed", "_mixed")):
            cells = [rows.value(f"country_response_{position}_{size}{suffix}") for size in _RESPONSES]
            lines.append([f"{position}, {network}", *cells])
    head = ("called impervious", "nothing", "0.4 ha", "1 ha", "2 ha", "5 ha", "10 ha", "20 ha", "40 ha")
    return _table(head, lines)


def write_country_page(figures: Iterable[Figure]) -> None:
    """Write the page from the figures of one measurement."""
    rows = _Rows(figures)
    lines = [
        "## Strides, composites, networks",
        "",
        "Goal: user's accuracy at least 0.90, producer's at least 0.80 for changes of 2 ha and more at stride 16.",
        *_goal(rows),
        *_variants(rows),
        f"Held-out pure patches with the right class: pure {rows.interval('country_patches')}, mixed "
        f"{rows.interval('country_patches_mixed')}; F1 of impervious or not: pure "
        f"{rows.value('country_patches_impervious_f1')}, mixed {rows.value('country_patches_impervious_f1_mixed')}.",
        "",
        "## What the settings of the pipeline can do about it",
        *_choices(rows),
        "## By size of change",
        "",
        "Probability composites, confirmed with the start within one half-year.",
        *_by_size(rows),
        "## Where false gains come from",
        *_false(rows),
        "## How much of a patch must be sealed",
        "",
        "Squares of sealed land pasted into held-out patches without any; a patch has 41 ha, a cell at stride 16 "
        "has 2.6 ha. In the middle, impervious is the right answer; in the corner, below 12 ha, most of the cell is "
        "not sealed.",
        *_response(rows),
        "## What the method cannot see",
        "",
        "- Small changes. Of a square of 2 ha in the middle of a patch, 5 % of its area, the pure network takes "
        f"notice in {rows.value('country_response_middle_2ha')} of the cases and the mixed one in "
        f"{rows.value('country_response_middle_2ha_mixed')}, against "
        f"{rows.value('country_response_middle_0ha')} and {rows.value('country_response_middle_0ha_mixed')} false "
        "answers without it. The stride alone does not help: a finer grid asks more often, about the same 41 ha.",
        "- Changes on land that the network took for sealed before: the state is 1 from the beginning, and there is "
        "nothing to gain.",
        "- Growth inside existing settlements: the patch was called impervious before. The country has none of it, so "
        "it is no part of the figures.",
        "- Changes of the last year and a half: they are provisional until three half-years have passed. Changes of "
        "the first year: there is no state before them.",
        "- Where in the patch a change lies, for a network trained on pure patches: the halo above.",
        "",
        "## What this country does not test",
        "",
        "- Slow transitions. Every change is there from one day to the next; building sites take months.",
        "- Bare soil, quarries, greenhouses, snow, haze and wrong cloud masks as such; only what of them is in the "
        "real patches and series.",
        "- Season and years come from 1 km2 of village and one place of fields in Belgium and three scenes of 1 km2 in "
        "Slovenia: few places, and Level-2A where the patches are Level-1C. They move all classes alike, which is "
        "too much for forest and water.",
        "- Pasted blocks have sharp edges and may differ from their surroundings in light and season. A network "
        "trained with pasted blocks may have learned to look for such edges: its figures here are an upper bound of "
        "what `classifier.centre_mix` brings on real land.",
    ]
    write_page("accuracy_country.md", _HEAD, lines)
