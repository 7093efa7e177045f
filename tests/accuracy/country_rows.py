"""Figures of the synthetic country: strides, composite methods, sizes of change, sources of false gains.

Names: `country_s{stride}_{figure}{variant}`. Variants: none = probability composites, network trained on pure patches;
`_mixed` = network trained with `classifier.centre_mix`; `_mode` = mode composites; `_prior` = composites with
`majority_px: 3`; `_sure` = composites with `min_confidence: 0.7`; `_still` = no deviations of season, year and date;
`_c70` = gains with a mean impervious probability of at least 0.70 from start to confirmation; `_r0`, `_r40` =
`change.min_rise` of 0 or 0.40 instead of 0.30; `_again` = another country of the same kind; `_p2`, `_p4` = persistence
of 2 or 4 half-years instead of 3.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sealwatch.files import value_digest

from . import country_land
from .country import GAIN, SEED, TILES, Composites, HalfYears, History, draw_history, half_years
from .country_flicker import Flicker, describe, measure_flicker
from .country_land import Land, make_land
from .country_networks import Network, read_split, train_network
from .country_page import write_country_page
from .country_score import SOURCES, Gains, Score, confirmed_gains, score
from .country_views import Views, view
from .networks import KEPT
from .response import POSITIONS, SIZES_HA, response, seen_share
from .table import REAL_DATA_DIR, Figure, not_run, share

STRIDES = (64, 32, 16)
PERSISTENCE, MAX_GAP = 3, 1
CLASSES_HA = ((0.4, 1), (1, 2), (2, 5), (5, 10), (10, 40))
THRESHOLDS = (0.6, 0.7, 0.8, 0.9)
MIN_RISE = 0.3
"""`change.min_rise` as in config.yaml: gains below it are unsure, and not counted."""
RISES = (0.0, 0.2, 0.4, 0.5, 0.6)
LAND_SEED, OTHER_LAND_SEED = 1, 2
PAPER_CHANGED_SHARE = 99 / 20271
"""Changed share of the paper's study area."""
SETTINGS = {
    "": Composites("probability"),
    "_mode": Composites("mode"),
    "_prior": Composites("probability", majority_px=3),
    "_sure": Composites("probability", min_confidence=0.7),
}
"""Composites; the last two at stride 16 alone."""
_NETWORKS = {"": False, "_mixed": True}
_FOLDERS = ("eurosat_ms", "eurosat_rgb", "s2_l2a_series", "slovenia_s2_l1c_eolearn")
_MAIN = tuple(
    f"country_s{s}_{what}" for s in STRIDES for what in ("users", "producers", "producers_2ha", "half_error")
)


def _note(text: str, since: float) -> None:
    print(f"country: {text}, {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)


def _size_name(low: float, high: float) -> str:
    return f"{low:g}_{high:g}ha".replace("0.4", "04")


def _counted(name: str, hits: int, n: int, data: str, baseline: float | None = None) -> Figure:
    if n == 0:
        return Figure(name, None, None, None, baseline, 0, f"no case; {data}")
    return share(name, hits, n, data, baseline)


def _users(result: Score, prefix: str, variant: str, said: str) -> Iterator[Figure]:
    yield _counted(f"{prefix}_users{variant}", result.right, result.gains, f"confirmed cells; {said}", 0.9)


def _producers(result: Score, prefix: str, variant: str, said: str) -> Iterator[Figure]:
    large = result.hectares >= 2
    yield _counted(
        f"{prefix}_producers_2ha{variant}",
        int(result.found[large].sum()),
        int(large.sum()),
        f"true changes of 2 ha and more; {said}",
        0.8,
    )


def _whole(result: Score, prefix: str, variant: str, said: str) -> Iterator[Figure]:
    yield from _users(result, prefix, variant, said)
    yield from _producers(result, prefix, variant, said)
    found, n = int(result.found.sum()), len(result.found)
    yield _counted(f"{prefix}_producers{variant}", found, n, f"all true changes; {said}")
    area = float(result.hectares[result.found].sum() / result.hectares.sum())
    yield Figure(
        f"{prefix}_producers_area{variant}", round(area, 4), None, None, None, n, f"hectares; {said}"
    )
    error = result.half_error
    mean = round(float(error.mean()), 3) if len(error) else None
    text = f"mean distance of the start in half-years, changes confirmed at any date; {said}"
    yield Figure(f"{prefix}_half_error{variant}", mean, None, None, None, len(error), text)


def _details(result: Score, prefix: str, variant: str, said: str, changed: float) -> Iterator[Figure]:
    yield _counted(f"{prefix}_users_sites{variant}", result.right_sites, result.sites, f"sites; {said}", 0.9)
    for low, high in CLASSES_HA:
        here = (result.hectares >= low) & (result.hectares < high)
        name = f"{prefix}_producers_{_size_name(low, high)}{variant}"
        yield _counted(
            name, int(result.found[here].sum()), int(here.sum()), f"{low:g} to {high:g} ha; {said}"
        )
    for source in SOURCES:
        name = f"{prefix}_false_{source}{variant}"
        yield _counted(name, result.false[source], result.gains, f"share of the confirmed cells; {said}")
    stable = result.false["sealed"] + result.false["flicker"]
    others = result.gains - result.right - stable
    thinned = result.right / max(result.right + others + stable * changed / PAPER_CHANGED_SHARE, 1)
    yield Figure(
        f"{prefix}_users_rare{variant}",
        round(thinned, 4),
        None,
        None,
        0.9,
        result.gains,
        f"user's accuracy if {100 * PAPER_CHANGED_SHARE:.1f} % of the land had changed, as in the paper, and not "
        f"{100 * changed:.1f} %: false gains on unchanged land weigh more; {said}",
    )


def _responses(network: Network, variant: str, split: tuple) -> Iterator[Figure]:  # type: ignore[type-arg]
    answers = response(network, *split, SEED)
    said = "share of held-out patches called impervious when a square of sealed land is pasted"
    for position in POSITIONS:
        for hectares in (0.0, *SIZES_HA) if position == "middle" else SIZES_HA:
            name = f"country_response_{position}_{hectares:g}ha{variant}".replace("0.4", "04")
            yield share(
                name,
                *seen_share(answers[position, hectares]),
                f"{said}, {hectares:g} ha, {position}; {network.text}",
            )


def _of_network(
    network: Network, variant: str, land: Land, land_key: str, flicker: Flicker, history: History
) -> Iterator[Figure]:
    changed = float(_changed_share(land, history))
    for stride in STRIDES:
        began = time.monotonic()
        views = view(network, land, land_key, stride, KEPT)
        _note(f"cells of stride {stride} classified", began)
        names = [name for name in SETTINGS if stride == 16 or name in ("", "_mode")]
        settings = [SETTINGS[name] for name in names]
        tiles = _all_tiles(views, land, flicker, history, settings)
        _note(f"stride {stride}: {TILES} tiles taken to half-years", began)

        def scored(gains: Gains, views: Views = views) -> Score:
            return score(gains, views, history, land.hectares)

        prefix = f"country_s{stride}"
        for number, name in enumerate(names):
            series = [tile[number] for tile in tiles]
            end = variant + name
            said = f"{_composites_text(SETTINGS[name])}, {network.text}; 2,000 changes of {len(land.boxes)} sites"
            every = confirmed_gains(series, PERSISTENCE, MAX_GAP)
            gains = _sure(every)
            result = scored(gains)
            yield from _whole(result, prefix, end, said)
            if name:
                continue
            yield from _details(result, prefix, end, said, changed)
            if stride != 16:
                continue
            still = _all_tiles(views, land, flicker.stilled(), history, [SETTINGS[""]])
            unmoved = confirmed_gains([tile[0] for tile in still], PERSISTENCE, MAX_GAP)
            unmoved_result = scored(_sure(unmoved))
            yield from _goals(
                unmoved_result, prefix, f"{end}_still", f"without season, years and dates; {said}"
            )
            for threshold in THRESHOLDS:
                kept = scored(gains.where(gains.confidence >= threshold))
                text = f"gains with a mean impervious probability of at least {threshold:g}; {said}"
                yield from _goals(kept, prefix, f"{end}_c{100 * threshold:.0f}", text)
            for rise in RISES:
                kept = scored(every.where(every.rise >= rise))
                text = f"min_rise {rise:g}; {said}"
                yield from _goals(kept, prefix, f"{end}_r{100 * rise:.0f}", text)
            for persistence in (2, 4):
                other = confirmed_gains(series, persistence, MAX_GAP)
                kept = scored(_sure(other))
                yield from _goals(kept, prefix, f"{end}_p{persistence}", f"persistence {persistence}; {said}")


def _sure(gains: Gains) -> Gains:
    """What the pipeline confirms as it is configured."""
    return gains.where(gains.rise >= MIN_RISE)


def _again(
    network: Network, variant: str, land: Land, land_key: str, flicker: Flicker, history: History
) -> Iterator[Figure]:
    """Stride 16 on land that nothing was chosen on."""
    views = view(network, land, land_key, 16, KEPT)
    tiles = _all_tiles(views, land, flicker, history, [SETTINGS[""]])
    gains = confirmed_gains([tile[0] for tile in tiles], PERSISTENCE, MAX_GAP)
    result = score(_sure(gains), views, history, land.hectares)
    yield from _goals(result, "country_s16", f"{variant}_again", f"other land and footprints; {network.text}")


def _all_tiles(
    views: Views, land: Land, flicker: Flicker, history: History, settings: list[Composites]
) -> list[list[HalfYears]]:
    def one(tile: int) -> list[HalfYears]:
        return half_years(views, land, flicker, history, tile, settings)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(one, range(TILES)))


def _composites_text(setting: Composites) -> str:
    text = f"{setting.method} composites"
    if setting.majority_px > 1:
        text += f", majority_px {setting.majority_px}"
    return text + (f", min_confidence {setting.min_confidence:g}" if setting.min_confidence else "")


def _goals(result: Score, prefix: str, variant: str, said: str) -> Iterator[Figure]:
    yield from _users(result, prefix, variant, said)
    yield from _producers(result, prefix, variant, said)


def _changed_share(land: Land, history: History) -> float:
    hectares = np.broadcast_to(land.hectares, history.role.shape)[history.role == GAIN].sum()
    return float(hectares * 100 / (TILES * country_land.BLOCK_PX**2))


def measure() -> list[Figure]:
    """Train or fetch both networks, measure their answers, run the country and write its page."""
    missing = [name for name in _FOLDERS if not (REAL_DATA_DIR / name).is_dir()]
    if missing:
        return not_run(_MAIN, f"no REAL_DATA_DIR/{', '.join(missing)}")
    began = time.monotonic()
    patches, held_out = read_split()
    history = draw_history()
    land, other = (make_land(patches, held_out, seed) for seed in (LAND_SEED, OTHER_LAND_SEED))
    described = [country_land.BLOCK_PX, country_land.FOOTPRINTS, country_land.VERSION]
    land_key, other_key = (
        value_digest([patches.digest, np.flatnonzero(held_out).tolist(), *described, seed])
        for seed in (LAND_SEED, OTHER_LAND_SEED)
    )
    _note("land drawn", began)
    figures: list[Figure] = []
    for variant, mixed in _NETWORKS.items():
        network = train_network(patches, held_out, mixed)
        _note(f"{network.text}: {network.accuracy:.3f} of held-out patches right", began)
        n, right = network.held_out, round(network.accuracy * network.held_out)
        figures.append(share(f"country_patches{variant}", right, n, f"held-out pure patches; {network.text}"))
        f1 = f"impervious or not, held-out pure patches; {network.text}"
        figures.append(
            Figure(f"country_patches_impervious_f1{variant}", network.impervious_f1, None, None, None, n, f1)
        )
        flicker = measure_flicker(network, REAL_DATA_DIR)
        _note(f"flicker {describe(flicker)}", began)
        for part in ("month", "year", "date"):
            spread = round(float(getattr(flicker, part).std()), 3)
            text = f"standard deviation of centred log probabilities, part of the {part}; {network.text}"
            count = len(getattr(flicker, part))
            figures.append(Figure(f"country_flicker_{part}{variant}", spread, None, None, None, count, text))
        figures += _responses(network, variant, (patches, held_out))
        figures += _of_network(network, variant, land, land_key, flicker, history)
        figures += _again(network, variant, other, other_key, flicker, history)
    write_country_page(figures)
    return figures


GROUPS = {_MAIN: measure}
