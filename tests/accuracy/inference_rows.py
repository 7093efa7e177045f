"""What faster inference costs in labels: int8 against fp32, and convolutions shared between patches."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np

from benchmarks.classify_case import ACCURATE, load_patches, real_patches, trained
from benchmarks.classifying import THREADS
from builders.real_scenes import USED_BANDS, mirrored, read_series
from sealwatch.classifier.bands import SATLAS_BANDS
from sealwatch.classifier.quantise import label_agreement
from sealwatch.grid import PATCH_PX
from sealwatch.symmetry import turned_views

from .table import REAL_DATA_DIR, Figure, not_run, share

_EDGE = 256
_STRIDE = 32
"""Distance of neighbouring values of the last layer of a ResNet in pixels: the finest stride that can share them."""


_INT8 = {"int8_label_agreement": "resnet50", "int8_label_agreement_efficientnet": ACCURATE}
"""Rows and their backbones: the paper's, and one of depthwise convolutions, which eight bits suit less."""


def int8_agreement() -> list[Figure]:
    """Patches of places the network was not trained on, each under all eight symmetries."""
    if not real_patches():
        return not_run(_INT8, "REAL_DATA_DIR is absent")
    patches, data = load_patches()
    figures = []
    for name, backbone in _INT8.items():
        network = trained(backbone, patches)
        held_out = patches.reflectance[network.held_out]
        chosen = np.concatenate(list(turned_views(held_out, every=True))).astype(np.float32)
        measured = label_agreement(network.fp32, network.int8, chosen, THREADS)
        said = (
            f"{backbone}, {len(held_out)} {data} of places not trained on, each in eight views: int8 gives the label "
            f"of fp32, both as `classify` runs them on a CPU; mean difference of a probability "
            f"{measured['mean_difference']:.4f}; baseline is the goal"
        )
        figures.append(share(name, round(measured["agreement"] * len(chosen)), len(chosen), said, 0.99))
    return figures


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
    tuple(_INT8): int8_agreement,
    ("dense_sharing_agreement",): dense_sharing,
}
"""Names of the figures, and the function that measures them together."""
