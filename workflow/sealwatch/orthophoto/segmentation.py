"""Segmentation of an orthophoto: the forest applied block by block."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np

from .. import hdf5
from ..progress import track
from .features import BLOCK_ROWS, NO_DATA
from .forest import load_forest
from .predictor import Predictor


def segment_sheet(
    features: str | Path, model: str | Path, target: str | Path, *, baseline: int, threads: int = 1
) -> None:
    """Write class and confidence of every pixel of an orthophoto.

    Args:
        features: its features (`features.prepare_sheet`).
        model: forest (`training.train_forest`).
        target: HDF5 file with `class[y, x]` uint8 (index in the forest's classes, 255 where there is no data)
            and `confidence[y, x]` float32 (mean probability of that class over the trees, in steps of 1/256;
            NaN where there is no data).
        baseline: the step's baseline number.
        threads: threads of the predictor.

    Raises:
        ModelError: the forest cannot be read or was trained on other features.
        RasterError: the features cannot be read.
    """
    forest = load_forest(model)
    predictor = Predictor(forest)
    numba.set_num_threads(max(1, min(threads, numba.get_num_threads())))
    with hdf5.read(features) as source:
        window = hdf5.read_window(source)
        forest.check_features(hdf5.read_labels(source, "feature"), features)
        provenance = {"model_digest": forest.digest, "classes": " ".join(forest.classes)}
        with hdf5.create(target, "segment", baseline, provenance) as writer:
            writer.set_grid(window)
            codes = np.arange(len(forest.classes), dtype="u1")
            names = " ".join(forest.classes)
            classes = writer.add("class", ("y", "x"), "uint8", flag_values=codes, flag_meanings=names)
            certainty = writer.add("confidence", ("y", "x"), "float32", units="1")
            for top in track(range(0, window.height, BLOCK_ROWS), "blocks"):
                block = source["features"][:, top : top + BLOCK_ROWS]
                label, confidence = predictor.predict(block.reshape(len(block), -1).T)
                # Steps of 1/256 leave the low bytes of the floats empty, which compress to nothing.
                confidence = np.round(confidence * 256) / np.float32(256)
                empty = block[0] == NO_DATA
                classes[top : top + BLOCK_ROWS] = np.where(
                    empty, np.uint8(NO_DATA), label.reshape(empty.shape)
                )
                certainty[top : top + BLOCK_ROWS] = np.where(
                    empty, np.float32(np.nan), confidence.reshape(empty.shape)
                )
