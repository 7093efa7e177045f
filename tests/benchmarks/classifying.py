"""One classification of one scene in a process of its own, so that its peak memory is its own.

python -m benchmarks.classifying SIDE SCENE MODEL LABELS [OPTION...]: writes the labels as .npy, [rows, cols], and
prints wall and processor seconds, peak MB and patches. SIDE is an engine of `classify`, `feed` (reading and preparing
patches without a network), or `torchgeo` with batch size and number of workers.
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

THREADS = 2
SETTINGS = {"min_clear_fraction": 0.6, "unclear_scl": [0, 1, 3, 8, 9, 10, 11], "cloud_dilation_m": 0}


def ours(engine: str, scene: str, model: str, labels: str) -> Callable[[], int]:
    """From the acquisition file to the landcover file."""
    import h5py

    from sealwatch.sentinel2.landcover import classify

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "landcover.h5"
            classify(scene, model, target, SETTINGS, 64, "cpu", THREADS, engine=engine)
            with h5py.File(target) as file:
                classes = file["class"][:]
            np.save(labels, classes)
            return classes.size

    return work


def feed(scene: str, model: str, labels: str) -> Callable[[], int]:
    """From the acquisition file to batches of patches in memory."""
    from sealwatch import hdf5
    from sealwatch.sentinel2.model_file import LandCoverModel
    from sealwatch.sentinel2.patch_strips import AcquisitionStrips, patch_batches, patch_grid

    network = LandCoverModel(model)

    def work() -> int:
        with hdf5.read(scene) as file:
            acquisition = AcquisitionStrips(file, network.bands)
            grid = patch_grid(acquisition.window, 64)
            assert grid is not None
            clear = np.zeros(grid.cells.shape, np.float32)
            batches = patch_batches(acquisition, grid, SETTINGS, clear, network.batch)
            return sum(len(batch.cells) for batch in batches)

    return work


def torchgeo(scene: str, model: str, labels: str, batch: str, workers: str) -> Callable[[], int]:
    """From the GeoTIFF to labels in memory: RasterDataset, GridGeoSampler, DataLoader, network in eager mode."""
    from sealwatch.classifier import torchvision_ops

    torchvision_ops.ensure()
    import torch
    from torch.utils.data import DataLoader
    from torchgeo.datasets import RasterDataset, stack_samples
    from torchgeo.samplers import GridGeoSampler

    import sealwatch.classifier.export  # noqa: F401  (classes of the pickled network)

    torch.set_num_threads(THREADS)

    class Scene(RasterDataset):
        filename_glob = "*.tif"
        is_image = True

    def work() -> int:
        network = pickle.loads(Path(model).read_bytes()).eval()
        dataset = Scene(str(Path(scene).parent))
        loader = DataLoader(
            dataset,
            batch_size=int(batch),
            sampler=GridGeoSampler(dataset, 64, 64),
            num_workers=int(workers),
            collate_fn=stack_samples,
        )
        with torch.inference_mode():
            found = torch.cat([network(sample["image"]).argmax(dim=1) for sample in loader]).numpy()
        edge = round(len(found) ** 0.5)
        np.save(labels, found.reshape(edge, edge)[::-1].astype(np.uint8))  # its rows begin in the south
        return len(found)

    return work


def main(side: str, *arguments: str) -> None:
    """Run one side and print its figures."""
    sides = {"feed": feed, "torchgeo": torchgeo}
    work = sides[side](*arguments) if side in sides else ours(side, *arguments)
    cpu, start = time.process_time(), time.perf_counter()
    patches = work()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    # Of a loader's workers, the largest counts too.
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = sum(resource.getrusage(who).ru_maxrss for who in users) / 1024
    figures = {"wall": wall, "cpu": cpu, "mb": peak, "patches": patches, "rate": patches / wall}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
