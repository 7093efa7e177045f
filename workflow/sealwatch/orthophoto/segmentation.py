"""Segmentation of an orthophoto: the forest applied block by block."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np

from .. import hdf5
from ..composites.maps import blocks
from ..progress import track
from .features import NO_DATA
from .forest import load_forest
from .gpu import predictor_for
from .lookup import ColourTable, sees_only_the_pixel


def segment_sheet(
    features: str | Path,
    model: str | Path,
    target: str | Path,
    *,
    baseline: int,
    engine: str = "cpu",
    threads: int = 1,
) -> None:
    """Write class and confidence of every pixel of an orthophoto.

    Memory is bounded by blocks of rows. The file takes its name when it is whole, so a killed run
    leaves nothing that the next one could mistake for a result.

    Args:
        features: its features (`features.prepare_sheet`).
        model: forest (`training.train_forest`).
        target: HDF5 file with `class[y, x]` uint8 (index in the forest's classes, 255 where there is no data)
            and `confidence[y, x]` float32 (mean probability of that class over the trees, in steps of 1/256;
            NaN where there is no data).
        baseline: the step's baseline number.
        engine: `auto`, `cpu` or `gpu`, see `gpu.predictor_for`.
        threads: threads of the compiled predictor.

    Raises:
        ModelError: the forest cannot be read or was trained on other features.
        RasterError: the features cannot be read.
    """
    forest = load_forest(model)
    numba.set_num_threads(max(1, min(threads, numba.get_num_threads())))
    with hdf5.read(features) as source:
        window = hdf5.read_window(source)
        forest.check_features(hdf5.read_labels(source, "feature"), features)
        predict = predictor_for(forest, engine)
        if sees_only_the_pixel(forest.features):
            predict = ColourTable(predict, forest.features).predict
        provenance = {"model_digest": forest.digest, "classes": " ".join(forest.classes)}
        with hdf5.create(target, "segment", baseline, provenance) as writer:
            writer.set_grid(window)
            codes = np.arange(len(forest.classes), dtype="u1")
            names = " ".join(forest.classes)
            classes = writer.add("class", ("y", "x"), "uint8", flag_values=codes, flag_meanings=names)
            certainty = writer.add("confidence", ("y", "x"), "float32", units="1")
            for rows in track(list(blocks(window.height)), "blocks"):
                block = source["features"][:, rows]
                label, confidence = predict(block.reshape(len(block), -1).T)
                # Steps of 1/256 leave the low bytes of the floats empty, which compress to nothing.
                confidence = np.round(confidence * 256) / np.float32(256)
                empty = block[0] == NO_DATA
                classes[rows] = np.where(empty, np.uint8(NO_DATA), label.reshape(empty.shape))
                certainty[rows] = np.where(empty, np.float32(np.nan), confidence.reshape(empty.shape))
