"""Compiled prediction: every pixel walks every tree, eight pixels at once, with scikit-learn's own labels."""

from __future__ import annotations

import numba
import numpy as np

from ..errors import ModelError
from .forest import Forest

_BLOCK = 4096
_MOST_FEATURES = 16
_MOST_NODES = 1 << 20


class Predictor:
    """A forest packed for prediction, four bytes a node: 20 bits child, 4 bits feature, 8 bits threshold.

    Raises:
        ModelError: more than 16 features, or a tree of more than 1,048,576 nodes.
    """

    def __init__(self, forest: Forest) -> None:
        sizes = np.diff(np.append(forest.root, len(forest.child)))
        if len(forest.features) > _MOST_FEATURES or sizes.max() > _MOST_NODES:
            raise ModelError(
                f"the forest has {len(forest.features)} features and trees of up to {sizes.max()} nodes; the "
                f"predictor takes {_MOST_FEATURES} features and {_MOST_NODES} nodes: raise "
                "orthophoto.forest.min_samples_leaf"
            )
        child, feature = forest.child.astype("u4"), forest.feature.astype("u4")
        self._nodes = (child << np.uint32(12)) | (feature << np.uint32(8)) | forest.threshold.astype("u4")
        self._leaf, self._root, self._probability = forest.leaf, forest.root, forest.probability

    def predict(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidences of pixels.

        Args:
            values: uint8 [pixel, feature].

        Returns:
            Label uint8 [pixel], the class of greatest mean probability over the trees (the first one of
            equals), and that probability, float32 [pixel].
        """
        values = np.ascontiguousarray(values)
        label, confidence = np.empty(len(values), "u1"), np.empty(len(values), "f4")
        _predict(self._nodes, self._leaf, self._root, self._probability, values, label, confidence)
        return label, confidence


@numba.njit(parallel=True, nogil=True, cache=True)
def _predict(nodes, leaf, root, probability, values, label, confidence):  # type: ignore[no-untyped-def]
    count, classes = values.shape[0], probability.shape[1]
    for block in numba.prange((count + _BLOCK - 1) // _BLOCK):
        start, stop = block * _BLOCK, min(count, (block + 1) * _BLOCK)
        total = np.zeros((stop - start, classes), np.float64)
        for tree in range(root.shape[0]):
            base = root[tree]
            i = start
            # Eight pixels in flight hide the wait for memory; a leaf is its own child, so finished ones stand
            # still.
            while i + 8 <= stop:
                k0 = k1 = k2 = k3 = k4 = k5 = k6 = k7 = np.int64(0)
                while True:
                    n0, n1, n2, n3 = nodes[base + k0], nodes[base + k1], nodes[base + k2], nodes[base + k3]
                    n4, n5, n6, n7 = nodes[base + k4], nodes[base + k5], nodes[base + k6], nodes[base + k7]
                    m0 = np.int64(n0 >> 12) + (values[i, (n0 >> 8) & 15] > (n0 & 255))
                    m1 = np.int64(n1 >> 12) + (values[i + 1, (n1 >> 8) & 15] > (n1 & 255))
                    m2 = np.int64(n2 >> 12) + (values[i + 2, (n2 >> 8) & 15] > (n2 & 255))
                    m3 = np.int64(n3 >> 12) + (values[i + 3, (n3 >> 8) & 15] > (n3 & 255))
                    m4 = np.int64(n4 >> 12) + (values[i + 4, (n4 >> 8) & 15] > (n4 & 255))
                    m5 = np.int64(n5 >> 12) + (values[i + 5, (n5 >> 8) & 15] > (n5 & 255))
                    m6 = np.int64(n6 >> 12) + (values[i + 6, (n6 >> 8) & 15] > (n6 & 255))
                    m7 = np.int64(n7 >> 12) + (values[i + 7, (n7 >> 8) & 15] > (n7 & 255))
                    moved = (
                        (m0 ^ k0)
                        | (m1 ^ k1)
                        | (m2 ^ k2)
                        | (m3 ^ k3)
                        | (m4 ^ k4)
                        | (m5 ^ k5)
                        | (m6 ^ k6)
                        | (m7 ^ k7)
                    )
                    k0, k1, k2, k3, k4, k5, k6, k7 = m0, m1, m2, m3, m4, m5, m6, m7
                    if moved == 0:
                        break
                for c in range(classes):
                    total[i - start, c] += probability[leaf[base + k0], c]
                    total[i - start + 1, c] += probability[leaf[base + k1], c]
                    total[i - start + 2, c] += probability[leaf[base + k2], c]
                    total[i - start + 3, c] += probability[leaf[base + k3], c]
                    total[i - start + 4, c] += probability[leaf[base + k4], c]
                    total[i - start + 5, c] += probability[leaf[base + k5], c]
                    total[i - start + 6, c] += probability[leaf[base + k6], c]
                    total[i - start + 7, c] += probability[leaf[base + k7], c]
                i += 8
            while i < stop:
                k = np.int64(0)
                while leaf[base + k] < 0:
                    n = nodes[base + k]
                    k = np.int64(n >> 12) + (values[i, (n >> 8) & 15] > (n & 255))
                for c in range(classes):
                    total[i - start, c] += probability[leaf[base + k], c]
                i += 1
        for i in range(start, stop):
            best = 0
            for c in range(1, classes):
                if total[i - start, c] > total[i - start, best]:
                    best = c
            label[i] = best
            confidence[i] = total[i - start, best] / root.shape[0]
