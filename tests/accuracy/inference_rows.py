"""What faster inference costs in labels: int8 against fp32, and convolutions shared between patches."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from benchmarks.classify_case import ACCURATE, load_patches, real_patches, trained, turned
from benchmarks.classifying import THREADS
from builders.real_scenes import USED_BANDS, mirrored, read_series
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.quantise import label_agreement
from sealwatch.grid import PATCH_PX

from .table import REAL_DATA_DIR, Figure, not_run, share

_EDGE = 256
_STRIDE = 32
"""Distance of neighbouring values of the last layer of a ResNet in pixels: the finest stride that can share them."""


def int8_agreement() -> list[Figure]:
    """Patches of places the network was not trained on, each once under one of eight symmetries."""
    if not real_patches():
        return not_run(["int8_label_agreement"], "REAL_DATA_DIR is absent")
    patches, data = load_patches()
    network = trained(ACCURATE, patches)
    held_out = patches.reflectance[network.held_out]
    chosen = turned(held_out, len(held_out)).astype(np.float32)
    measured = label_agreement(network.fp32, network.int8, chosen, THREADS)
    return [
        share(
            "int8_label_agreement",
            round(measured["agreement"] * len(chosen)),
            len(chosen),
            f"{ACCURATE}, {data} of places not trained on: int8 gives the label of fp32, both as `classify` runs "
            f"them on a CPU; largest difference {measured['largest_difference']:.2f}; baseline is the goal",
            0.99,
        )
    ]


def dense_sharing() -> list[Figure]:
    """The trunk over a whole strip with pooling under each patch, against the network on each patch."""
    if not real_patches():
        return not_run(["dense_sharing_agreement"], "REAL_DATA_DIR is absent")
    import torch

    patches, _ = load_patches()
    classifier = pickle.loads(trained("resnet18", patches).torch.read_bytes()).eval()
    network, order = classifier.network, [USED_BANDS.index(band) for band in SATLAS_BANDS]
    series = read_series(
        REAL_DATA_DIR / "s2_l2a_series" / "be_village_monthly_2020-11_2021-10_100x100_9b.nc", "S2-L2A-{}"
    )
    same, n, largest = 0, 0, 0.0
    with torch.inference_mode():
        for image in (image for images in series.values() for image in images if np.isfinite(image).all()):
            strip = torch.from_numpy(np.ascontiguousarray(mirrored(image, (_EDGE, _EDGE))[order]))[None]
            windows = strip.unfold(2, PATCH_PX, _STRIDE).unfold(3, PATCH_PX, _STRIDE)
            alone = classifier(windows[0].permute(1, 2, 0, 3, 4).flatten(0, 1).contiguous())
            features = network.forward_features(classifier.normalisation(strip))
            pooled = torch.nn.functional.avg_pool2d(features, PATCH_PX // _STRIDE, 1)[0].flatten(1).T
            shared = torch.softmax(network.get_classifier()(pooled) / classifier.temperature, dim=1)
            same += int((alone.argmax(dim=1) == shared.argmax(dim=1)).sum())
            largest = max(largest, float((alone - shared).abs().max()))
            n += len(alone)
    return [
        share(
            "dense_sharing_agreement",
            same,
            n,
            f"resnet18 run over strips of {_EDGE} px and pooled under each patch, stride {_STRIDE}, against patch "
            f"by patch; a real L2A series of 12 months, mirrored; largest difference of a probability {largest:.2f}; "
            "baseline is what sharing would need, below it every patch is run by itself",
            0.99,
        )
    ]


GROUPS: dict[tuple[str, ...], Callable[[], list[Figure]]] = {
    ("int8_label_agreement",): int8_agreement,
    ("dense_sharing_agreement",): dense_sharing,
}
"""Names of the figures, and the function that measures them together."""
