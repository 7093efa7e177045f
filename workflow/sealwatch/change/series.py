"""Maps of many periods of one zone, read together in blocks of the files' own chunks, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np

from .. import hdf5
from ..composites.maps import NO_CLASS, describe
from ..errors import RasterError
from ..grid import Window
from ..keys import IMPERVIOUS_CLASSES, LAND_COVER_CLASSES
from .persistence import NOT_OBSERVED

IMPERVIOUS = np.isin(LAND_COVER_CLASSES, IMPERVIOUS_CLASSES)
"""bool (class): the classes that count as 1."""

Block = tuple[slice, slice]
"""Rows and columns of a part of the zone's map."""

STATE_OF_CLASS = np.full(256, NOT_OBSERVED, "u1")
"""uint8 (class code): 1 (Highway, Industrial, Residential), 0 (the rest) and 255 (not observed)."""
STATE_OF_CLASS[: len(IMPERVIOUS)] = IMPERVIOUS


def reclassify(land_cover: np.ndarray) -> np.ndarray:
    """Class codes to 1 (Highway, Industrial, Residential), 0 (the rest) and 255 (not observed), uint8."""
    return STATE_OF_CLASS[land_cover]


class MapSeries:
    """Open map files of one zone in order of time; a context manager.

    Attributes:
        names: the files' stems: half-years, months or `{date}_{platform}`.
        window: the grid they share.

    Raises:
        RasterError: no files, a file that cannot be read, lacks a variable or lies on another grid than the first.
    """

    def __init__(self, paths: Sequence[str | Path], like: MapSeries | None = None) -> None:
        if not paths and like is None:
            raise RasterError("change detection got no half-year maps; check period.start and period.end")
        self.paths = [Path(p) for p in paths]
        self.names = [p.stem for p in self.paths]
        self._open = ExitStack()
        self._files: list[h5py.File] = []
        self._classes: list[h5py.Dataset] = []
        window = like.window if like is not None else None
        with ExitStack() as guard:
            guard.callback(self._open.close)
            for path in self.paths:
                file = self._open.enter_context(hdf5.read(path))
                self._files.append(file)
                here = _check(file, path)
                # Kept, because finding a variable by its name takes as long as reading a chunk of it.
                self._classes.append(file["class"])
                window = window or here
                if here != window:
                    first = like.paths[0] if like is not None else self.paths[0]
                    raise RasterError(
                        f"{path}: its grid ({describe(here)}) is not that of {first} ({describe(window)}); "
                        "delete the older of the two and run again"
                    )
            guard.pop_all()
        assert window is not None
        self.window: Window = window

    def __enter__(self) -> MapSeries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __len__(self) -> int:
        return len(self.names)

    def blocks(self) -> Iterator[Block]:
        """Blocks of whole chunks of the class maps that cover the zone, row after row."""
        height, width = self.window.shape
        rows, cols = self._classes[0].chunks or (512, 512)
        for top in range(0, height, rows):
            for left in range(0, width, cols):
                yield slice(top, min(top + rows, height)), slice(left, min(left + cols, width))

    def classes(self, block: Block) -> np.ndarray:
        """Class codes of a block, uint8 (period, cell)."""
        shape = (block[0].stop - block[0].start, block[1].stop - block[1].start)
        result = np.empty((len(self), *shape), "u1")
        for t in range(len(self)):
            with self._reading(t, "class"):
                self._classes[t].read_direct(result, block, (t, slice(None), slice(None)))
        return result.reshape(len(self), shape[0] * shape[1])

    def probability(
        self, block: Block, cells: np.ndarray, periods: np.ndarray, classes: np.ndarray
    ) -> np.ndarray:
        """Probabilities of some classes at chosen cells of a block, float32 (period, class, cell), NaN elsewhere.

        Args:
            block: the block.
            cells: places in the flattened block.
            periods: bool (period, cell): what is wanted; a period that no cell wants is not read.
            classes: bool (class): which classes; the others are not read.
        """
        codes = np.flatnonzero(classes).tolist()
        result = np.full((len(self), len(codes), len(cells)), np.nan, "f4")
        for t in np.flatnonzero(periods.any(axis=1)).tolist():
            with self._reading(t, "probability"):
                variable = self._files[t]["probability"]
                for place, code in enumerate(codes):
                    result[t, place] = variable[(code, *block)].ravel()[cells]
        return result

    def at(self, t: int, name: str, cells: np.ndarray) -> np.ndarray:
        """Values of a variable at cells of the zone, `[..., cell]`, read in the blocks where these lie.

        Args:
            t: period.
            name: variable, `[y, x]` or `[class, y, x]`.
            cells: sorted places in the flattened zone.
        """
        variable = self._files[t][name]
        result = np.empty((*variable.shape[:-2], len(cells)), variable.dtype)
        row, col = np.divmod(cells, self.window.width)
        rows, cols = variable.chunks[-2:] if variable.chunks else (512, 512)
        key = (row // rows) * (1 + self.window.width // cols) + col // cols
        order = np.argsort(key, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            if len(group) == 0:
                continue
            top, left = row[group].min(), col[group].min()
            with self._reading(t, name):
                part = variable[..., top : row[group].max() + 1, left : col[group].max() + 1]
            result[..., group] = part[..., row[group] - top, col[group] - left]
        return result

    def attribute(self, t: int, name: str) -> str:
        """A root attribute of a file, empty where it has none."""
        return hdf5.read_text(self._files[t].attrs.get(name, b""))

    @contextmanager
    def _reading(self, t: int, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, KeyError) as error:
            raise RasterError(
                f"{self.paths[t]}: variable {name} cannot be read ({error}); delete the file and run again"
            ) from error


def _check(file: h5py.File, path: Path) -> Window:
    missing = [name for name in ("class", "probability") if name not in file]
    if missing:
        raise RasterError(f"{path}: lacks the variable {missing[0]}; delete the file and run again")
    window = hdf5.read_window(file)
    if file["class"].shape != window.shape or file["probability"].shape != (len(IMPERVIOUS), *window.shape):
        raise RasterError(
            f"{path}: class {file['class'].shape} and probability {file['probability'].shape} do not fit its grid "
            f"{window.shape} of {len(IMPERVIOUS)} classes; delete the file and run again"
        )
    return window


def newest_class(land_cover: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class and place of the newest observation of each cell of uint8 (period, cell); 255 and -1 without one."""
    seen = land_cover != NO_CLASS
    place = np.where(seen.any(axis=0), len(land_cover) - 1 - seen[::-1].argmax(axis=0), -1)
    newest = np.where(place < 0, NO_CLASS, land_cover[place, np.arange(land_cover.shape[1])])
    return newest.astype("u1"), place
