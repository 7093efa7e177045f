"""What the rows of the classification share: patches, networks trained on them, and a scene tiled from them."""

from __future__ import annotations

import os
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from builders.patches import write_patches
from sealwatch import hdf5
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.export import ReflectanceClassifier, export_onnx
from sealwatch.classifier.fit import fit
from sealwatch.classifier.patches import PatchSet, read_patches
from sealwatch.classifier.quantise import quantise_onnx
from sealwatch.classifier.splits import spatial_cells, spatial_split
from sealwatch.files import atomic_path
from sealwatch.grid import PATCH_PX, Window
from sealwatch.keys import LAND_COVER_CLASSES

REAL_DATA_DIR = Path(os.environ.get("REAL_DATA_DIR", "../shared/data"))
CELLS = 32
"""Edge of the tiled scene in patches: 1,024 patches, 2,048 pixels."""

X_MIN, Y_MAX = 700 * 640.0, 8000 * 640.0
"""Corner of the scene on the grid of cells, so that both sides see the same patches."""

ACCURATE = "tf_efficientnet_lite0"
"""Backbone whose pretrained weights are at hand."""

CALIBRATION = 128
EPOCHS = 12
FINE, COARSE = ("B02", "B03", "B04", "B08"), ("B05", "B06", "B07", "B11", "B12")


def cache() -> Path:
    """Folder for what takes long to make."""
    return Path(tempfile.gettempdir()) / "sealwatch-bench"


def real_patches() -> bool:
    """Whether the real patches are here."""
    return (REAL_DATA_DIR / "eurosat_ms" / "index.csv").is_file()


def load_patches() -> tuple[PatchSet, str]:
    """Labelled patches in the order of the SATLAS bands, and what they are."""
    if real_patches():
        return read_patches(REAL_DATA_DIR / "eurosat_ms", SATLAS_BANDS), "real EuroSAT patches"
    folder = cache() / "patches"
    if not (folder / "index.csv").is_file():
        write_patches(folder, seed=1, per_class=30)
    return read_patches(folder, SATLAS_BANDS), "synthetic patches (REAL_DATA_DIR is absent)"


def pretrained_weights() -> str:
    """Weights from which the accuracy figures of the 13-band patches start."""
    from accuracy.landcover_rows import ms_fold_settings

    return str(ms_fold_settings()["weights"])


@dataclass(frozen=True, slots=True)
class Network:
    """One trained network in its three forms.

    Attributes:
        fp32: ONNX file.
        int8: its int8 variant, calibrated with training patches.
        torch: pickled module from reflectance to probabilities.
        held_out: bool [n], patches of places that it was not trained on.
    """

    fp32: Path
    int8: Path
    torch: Path
    held_out: np.ndarray


def trained(backbone: str, patches: PatchSet) -> Network:
    """A network trained with the library's trainer; kept in the temporary folder.

    Labels flip easily where a network is unsure, so what int8 costs in labels is judged on `ACCURATE`, which starts
    from the weights of the accuracy figures. The others start from random weights: their speed is the same.
    """
    folder = cache() / f"{backbone}-{EPOCHS}-{patches.digest[-12:]}"
    files = [folder / name for name in ("landcover.onnx", "landcover.int8.onnx", "landcover.torch")]
    held_out = spatial_split(patches.labels, spatial_cells(patches.lon, patches.lat, 1.0), 0.3, 1)
    if not all(file.is_file() for file in files):
        settings: dict[str, Any] = {
            "backbone": backbone, "weights": None, "normalisation": "zscore-dataset", "epochs": EPOCHS,
            "batch_size": 32, "learning_rate": 0.002, "jitter": 0.1, "seed": 1, "device": "cpu",
            "centre_mix": 0.0, "patch_stride": PATCH_PX,
        }  # fmt: skip
        if backbone == ACCURATE and real_patches():
            settings |= {"weights": pretrained_weights(), "learning_rate": 0.0005, "jitter": 0.03}
        network, normalisation = fit(patches, ~held_out, settings, len(os.sched_getaffinity(0)))
        classifier = ReflectanceClassifier(normalisation, network, 1.0)
        metadata = {
            "sealwatch_model": "landcover",
            "bands": " ".join(patches.bands),
            "classes": " ".join(LAND_COVER_CLASSES),
            "normalisation": settings["normalisation"],
            "band_mean": " ".join(f"{v:.4f}" for v in normalisation.mean),
            "band_std": " ".join(f"{v:.4f}" for v in normalisation.std),
        }
        export_onnx(classifier, patches.bands, metadata, files[0])
        chosen = np.flatnonzero(~held_out)
        chosen = np.random.default_rng(1).permutation(chosen)[:CALIBRATION]
        quantise_onnx(files[0], patches.reflectance[chosen].astype(np.float32), files[1])
        with atomic_path(files[2]) as part:
            part.write_bytes(pickle.dumps(classifier.eval()))
    return Network(*files, held_out)


def turned(patches: np.ndarray, n: int, seed: int = 1) -> np.ndarray:
    """`n` patches drawn in turn, each under one of the eight symmetries of the square."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(patches)) for _ in range(-(-n // len(patches)))])[:n]
    out = np.empty((n, *patches.shape[1:]), patches.dtype)
    for place, number in enumerate(order):
        turn = np.rot90(patches[number], int(rng.integers(4)), (1, 2))
        out[place] = turn[..., ::-1] if rng.random() < 0.5 else turn
    return out


def write_scene(patches: PatchSet, cells: int = CELLS) -> tuple[Path, Path]:
    """The same pixels as acquisition file and as GeoTIFF of nine bands at 10 m; kept in the temporary folder."""
    folder = cache() / f"scene-{cells}-{patches.digest[-12:]}"
    scene, image = folder / "scene.h5", folder / "image" / "scene.tif"
    if scene.is_file() and image.is_file():
        return scene, image
    drawn = turned(patches.reflectance, cells * cells).reshape(cells, cells, -1, PATCH_PX, PATCH_PX)
    bands = dict(zip(patches.bands, drawn.transpose(2, 0, 3, 1, 4), strict=True))
    edge = cells * PATCH_PX
    planes = {}
    for name in patches.bands:
        plane = bands[name].reshape(edge, edge)
        if name in COARSE:
            coarse = plane.reshape(edge // 2, 2, edge // 2, 2).mean(axis=(1, 3))
            plane = np.maximum(np.rint(coarse), 1).astype(np.uint16).repeat(2, 0).repeat(2, 1)
        planes[name] = np.maximum(plane, 1)
    image.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {
        "count": len(planes), "width": edge, "height": edge, "dtype": "uint16", "crs": 32633,
        "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2,
        "interleave": "band",
    }  # fmt: skip
    with (
        atomic_path(image) as part,
        rasterio.open(part, "w", "GTiff", transform=from_origin(X_MIN, Y_MAX, 10, 10), **profile) as file,
    ):
        file.write(np.stack(list(planes.values())))
    with hdf5.create(scene, "ingest", 1, {}) as writer:
        for group, size, names in (("m10", 10, FINE), ("m20", 20, COARSE)):
            step, chunk = size // 10, PATCH_PX * 10 // size
            writer.set_grid(Window(32633, X_MIN, Y_MAX, size, edge // step, edge // step), group)
            writer.add_axis("band", names, group)
            cube = np.stack([planes[name][::step, ::step] for name in names])
            chunks = (len(names), chunk, chunk)
            writer.add("reflectance", ("band", "y", "x"), "uint16", cube, chunks, group)
        clear = np.full((edge // 2, edge // 2), 4, np.uint8)
        writer.add("scl", ("y", "x"), "uint8", clear, (chunk, chunk), "m20")
    return scene, image
