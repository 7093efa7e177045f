"""Sentinel-2 bands by name: their order in files and in networks, and what Level-2A lacks."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ConfigError

EUROSAT_BANDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A",
)  # fmt: skip
"""Band order of a 13-band EuroSAT patch: B8A comes last. Source: Helber et al. 2019, files of EuroSAT MS."""

EUROSAT_RGB_BANDS = ("B04", "B03", "B02")
"""Bands of an 8-bit RGB patch of EuroSAT."""

L2A_BANDS = tuple(band for band in EUROSAT_BANDS if band != "B10")
"""Bands of a Level-2A product. B10 (cirrus) carries no signal from the ground and is dropped by sen2cor."""

SATLAS_BANDS = ("B04", "B03", "B02", "B05", "B06", "B07", "B08", "B11", "B12")
"""Band order of the SATLAS multispectral weights (TorchGeo `*_MS_SATLAS`); the default of the network."""


def check_l2a(bands: Sequence[str]) -> tuple[str, ...]:
    """Return `bands` when a Level-2A scene can deliver each of them, once.

    Raises:
        ConfigError: an unknown or repeated band, no band at all, or B10.
    """
    if "B10" in bands:
        raise ConfigError("classifier.bands: Level-2A scenes have no B10 (cirrus); take it out of the list")
    unknown = [band for band in bands if band not in L2A_BANDS]
    if unknown or not bands:
        raise ConfigError(
            f"classifier.bands: {', '.join(unknown) or 'empty list'}; choose from {' '.join(L2A_BANDS)}"
        )
    if len(set(bands)) != len(bands):
        raise ConfigError(f"classifier.bands: a band is named twice in {' '.join(bands)}")
    return tuple(bands)


def positions(wanted: Sequence[str], available: Sequence[str], source: str) -> list[int]:
    """Index of each wanted band in the order `available`.

    Args:
        wanted: band names in the order of the result.
        available: band names in the order of the file.
        source: name of the file, for the message.

    Raises:
        ConfigError: a wanted band is not available.
    """
    missing = [band for band in wanted if band not in available]
    if missing:
        raise ConfigError(
            f"{source}: has no band {', '.join(missing)}, only {' '.join(available)}; change classifier.bands"
        )
    return [list(available).index(band) for band in wanted]
