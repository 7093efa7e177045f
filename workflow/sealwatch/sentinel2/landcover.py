"""Land cover of one acquisition: the class probabilities of the patch centred on each grid cell."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from .. import hdf5
from ..errors import ModelError, RasterError
from ..files import file_digest
from ..grid import PATCH_PX, Window
from ..keys import LAND_COVER_CLASSES
from ..read_ahead import read_ahead
from .model_file import LandCoverModel
from .patch_strips import AcquisitionStrips, patch_batches, patch_grid

_ORIGIN = ("tile", "date", "platform")


def _check_finite(
    probability: np.ndarray, cells: np.ndarray, window: Window, scene: str | Path, model: str | Path
) -> None:
    wrong = ~np.isfinite(probability).all(axis=1)
    if wrong.any():
        row, col = cells[wrong.argmax()]
        x = window.x_min + (col + 0.5) * window.cell_size_m
        y = window.y_max - (row + 0.5) * window.cell_size_m
        raise ModelError(
            f"{model}: gives no finite probabilities for {scene}, cell in row {row}, column {col} "
            f"(EPSG:{window.epsg} {x:.0f} {y:.0f}), and {wrong.sum() - 1} more at once; train it again"
        )


def classify(
    scene: str | Path,
    model: str | Path,
    target: str | Path,
    settings: Mapping[str, Any],
    patch_stride: int,
    device: str = "auto",
    threads: int = 1,
    baseline: int = 1,
    engine: str = "auto",
    test_time_flips: bool = False,
) -> None:
    """Classify the patches of one acquisition that are clear enough.

    The target has `probability[class_code, y, x]` (float32, NaN where not classified), `class[y, x]` (uint8,
    255 likewise) and `clear_fraction[y, x]` (float32) on the zone's grid of cells of `patch_stride` x 10 m.
    A cell holds the result of the 64 x 64 pixel patch centred on it. Bands of 20 m are brought to 10 m by
    repetition. The next patches are read while the network runs. The same scene, model, engine and number of
    threads give the same bytes.

    Args:
        scene: acquisition file.
        model: ONNX file.
        target: HDF5 file to write.
        settings: `min_clear_fraction`, 0 to 1, and `unclear_scl`, the codes of the scene classification
            that hide the ground; pixels without data count as unclear. `cloud_dilation_m`, metres, by default
            0: so near to cloud or cloud shadow the ground counts as unclear too.
        patch_stride: 64, 32 or 16 pixels of 10 m.
        device: `auto`, `cpu` or `gpu`.
        threads: of the network on the CPU.
        baseline: the step's baseline number.
        engine: `auto`, `onnxruntime` or `openvino`.
        test_time_flips: average over the eight flips and quarter turns of each patch.

    Raises:
        RasterError: the acquisition is damaged or smaller than a patch.
        ModelError: the model is damaged, of another kind, needs a band the acquisition lacks, or gives
            probabilities that are no numbers.
        ConfigError: a GPU or an engine is demanded that is not here.
    """
    network = LandCoverModel(model, device, threads, engine, test_time_flips)
    with hdf5.read(scene) as file:
        acquisition = AcquisitionStrips(file, network.bands)
        grid = patch_grid(acquisition.window, patch_stride)
        if grid is None:
            raise RasterError(f"{scene}: holds no whole patch of {PATCH_PX} pixels; widen area_of_interest")
        origin = {key: hdf5.read_text(file.attrs[key]) for key in _ORIGIN if key in file.attrs}
        shape = grid.cells.shape
        probability = np.full((len(LAND_COVER_CLASSES), *shape), np.nan, dtype=np.float32)
        clear_fraction = np.zeros(shape, dtype=np.float32)
        batches = patch_batches(acquisition, grid, settings, clear_fraction, network.batch)
        with closing(read_ahead(batches)) as ahead:  # closed before the file is, whatever happens
            for batch in ahead:
                result = network.probabilities(batch.reflectance)
                _check_finite(result, batch.cells, grid.cells, scene, model)
                probability[:, *batch.cells.T] = result.T

    classified = ~np.isnan(probability[0])
    classes = np.where(classified, np.where(classified, probability, 0).argmax(axis=0), 255).astype(np.uint8)
    provenance = {
        **origin,
        "inputs": {"scene": file_digest(scene), "model": file_digest(model)},
        "engine": network.engine,
        "precision": network.precision,
        "test_time_flips": test_time_flips,
        "min_clear_fraction": float(settings["min_clear_fraction"]),
        "unclear_scl": list(settings["unclear_scl"]),
        "cloud_dilation_m": float(settings.get("cloud_dilation_m", 0)),
    }
    with hdf5.create(target, "classify", baseline, provenance) as writer:
        writer.set_grid(grid.cells)
        writer.add_axis("class_code", LAND_COVER_CLASSES)
        labels = " ".join(LAND_COVER_CLASSES)
        plane = ("y", "x")
        writer.add(
            "probability", ("class_code", *plane), "float32", probability, long_name="class probability"
        )
        writer.add("class", plane, "uint8", classes, long_name="most probable class", flag_meanings=labels)
        writer.add("clear_fraction", plane, "float32", clear_fraction, long_name="clear share of the patch")
