"""Compiled prediction on processors, with scikit-learn's own labels."""

from __future__ import annotations

import numba
import numpy as np

from ..errors import ModelError
from .forest import Forest

MOST_FEATURES = 16
"""Features the packed nodes can name."""

_BLOCK = 16384
_CHUNK = 256
_TOP = 6
_MOST_NODES = 1 << 20


class Predictor:
    """A forest packed for prediction.

    The upper six levels of a tree are evaluated densely: every node's comparison for 32 pixels in one
    instruction. From there on pixels walk nodes of four bytes (20 bits child, 4 bits feature, 8 bits threshold),
    eight at once. Leaf distributions are summed as whole numbers in units of 2^-32 times the number of trees;
    where the two best sums are nearer than their rounding, the pixel is summed again in float64 in the order of
    the trees, so labels are those of the trainer.

    Raises:
        ModelError: more than 16 features, or a tree of more than 1,048,576 nodes.
    """

    def __init__(self, forest: Forest) -> None:
        sizes = np.diff(np.append(forest.root, len(forest.child)))
        if len(forest.features) > MOST_FEATURES or sizes.max() > _MOST_NODES:
            raise ModelError(
                f"the forest has {len(forest.features)} features and trees of up to {sizes.max()} nodes; the "
                f"predictor takes {MOST_FEATURES} features and {_MOST_NODES} nodes: raise "
                "orthophoto.forest.min_samples_leaf"
            )
        child, feature = forest.child.astype("u4"), forest.feature.astype("u4")
        nodes = (child << np.uint32(12)) | (feature << np.uint32(8)) | forest.threshold.astype("u4")
        # Two bytes where they do: the leaf numbers of a tree then stay in the cache beside its nodes.
        leaf = forest.leaf.astype("u2" if len(forest.probability) <= 1 << 16 else "u4")
        trees, classes = len(forest.root), len(forest.classes)
        units = np.zeros((-(-classes // 4), len(forest.probability), 4), "u4")
        scale = (2**32 - 1) // trees
        for c in range(classes):
            units[c // 4, :, c % 4] = np.round(forest.probability[:, c] * scale)
        self._forest = (nodes, leaf, forest.root.astype("i8"), _depths(forest), *_top_levels(forest))
        self._leaves = (units.reshape(len(units), -1), forest.probability, np.float64(scale))

    def predict(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidences of pixels.

        Args:
            values: uint8 [pixel, feature]; read without a copy where the pixels of a feature lie side by side.

        Returns:
            Label uint8 [pixel], the class of greatest mean probability over the trees (the first one of
            equals), and that probability, float32 [pixel].
        """
        planes = np.ascontiguousarray(values.T)
        label, confidence = np.empty(len(values), "u1"), np.empty(len(values), "f4")
        _predict(*self._forest, *self._leaves, planes, label, confidence)
        return label, confidence


def _depths(forest: Forest) -> np.ndarray:
    """Levels below the root of every tree, int64 [tree]; nodes lie level by level."""
    depths = []
    for start in forest.root:
        count, depth = 1, 0
        while inner := int((forest.leaf[start : start + count] < 0).sum()):
            start, count, depth = start + count, 2 * inner, depth + 1
        depths.append(depth)
    return np.array(depths, "i8")


def _top_levels(forest: Forest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Feature and threshold of the upper levels as complete trees, and the nodes reached below them.

    Returns:
        uint8 [tree, 2^levels - 1] twice, level by level, and uint32 [tree, 2^levels]. A leaf above stands for
        its left descendants: its threshold of 255 sends every pixel there.
    """
    at = forest.root[:, None].astype("i8")
    feature, threshold = [], []
    for _ in range(_TOP):
        feature.append(forest.feature[at])
        threshold.append(np.where(forest.leaf[at] < 0, forest.threshold[at], np.uint8(255)))
        left = forest.child[at] + forest.root[:, None]
        right = left + (forest.leaf[at] < 0)
        at = np.stack([left, right], axis=-1).reshape(len(at), -1)
    below = (at - forest.root[:, None]).astype("u4")
    return np.concatenate(feature, axis=1), np.concatenate(threshold, axis=1), below


@numba.njit(nogil=True, cache=True)
def _descend_top(plane, feature, threshold, count, place):  # type: ignore[no-untyped-def]
    """Which of the places below the upper levels each pixel reaches."""
    bit = np.empty(_CHUNK, np.uint8)
    for start in range(0, count, _CHUNK):
        here = place[start : start + _CHUNK]
        here[:] = 0
        first = 0
        for level in range(_TOP):
            bit[:] = 0
            for j in range(1 << level):
                column = plane[feature[first + j], start : start + _CHUNK]
                limit, number = threshold[first + j], np.uint8(j)
                for i in range(_CHUNK):
                    bit[i] |= np.uint8((here[i] == number) & (column[i] > limit))
            for i in range(_CHUNK):
                here[i] = np.uint8(here[i] + here[i] + bit[i])
            first += 1 << level


@numba.njit(nogil=True, cache=True)
def _walk(nodes, below, place, steps, pixels, count, at):  # type: ignore[no-untyped-def]
    """Node each pixel ends at, at most `steps` (rounded up to even) levels below its place."""
    u = np.uint32
    b = np.uint8
    s12, s8, m15, m255 = u(12), u(8), u(15), u(255)
    for i in range(0, count, 8):
        k0, k1, k2, k3 = below[place[i]], below[place[i + 1]], below[place[i + 2]], below[place[i + 3]]
        k4, k5, k6, k7 = below[place[i + 4]], below[place[i + 5]], below[place[i + 6]], below[place[i + 7]]
        p, left = u(i * 16), steps
        # Eight pixels in flight hide the wait for memory; a leaf is its own child, so finished ones stand still.
        # Unsigned numbers spare the test for negative indices.
        while left > 0:
            left -= 2
            for _ in range(2):
                n0, n1, n2, n3 = nodes[k0], nodes[k1], nodes[k2], nodes[k3]
                n4, n5, n6, n7 = nodes[k4], nodes[k5], nodes[k6], nodes[k7]
                k0 = (n0 >> s12) + u(pixels[p + ((n0 >> s8) & m15)] > b(n0))
                k1 = (n1 >> s12) + u(pixels[p + u(16) + ((n1 >> s8) & m15)] > b(n1))
                k2 = (n2 >> s12) + u(pixels[p + u(32) + ((n2 >> s8) & m15)] > b(n2))
                k3 = (n3 >> s12) + u(pixels[p + u(48) + ((n3 >> s8) & m15)] > b(n3))
                k4 = (n4 >> s12) + u(pixels[p + u(64) + ((n4 >> s8) & m15)] > b(n4))
                k5 = (n5 >> s12) + u(pixels[p + u(80) + ((n5 >> s8) & m15)] > b(n5))
                k6 = (n6 >> s12) + u(pixels[p + u(96) + ((n6 >> s8) & m15)] > b(n6))
                k7 = (n7 >> s12) + u(pixels[p + u(112) + ((n7 >> s8) & m15)] > b(n7))
            # Leaves have threshold 255, which no inner node needs: nothing is above it.
            if (n0 & n1 & n2 & n3 & n4 & n5 & n6 & n7 & m255) == m255:
                break
        at[i], at[i + 1], at[i + 2], at[i + 3] = k0, k1, k2, k3
        at[i + 4], at[i + 5], at[i + 6], at[i + 7] = k4, k5, k6, k7


@numba.njit(nogil=True, cache=True)
def _add(leaf, at, units, count, total):  # type: ignore[no-untyped-def]
    """Add the leaf distributions, four classes at once."""
    for group in range(units.shape[0]):
        row_of, sums = units[group], total[group]
        for i in range(count):
            j, row = i * 4, np.uint32(leaf[at[i]]) * np.uint32(4)
            sums[j] += row_of[row]
            sums[j + 1] += row_of[row + np.uint32(1)]
            sums[j + 2] += row_of[row + np.uint32(2)]
            sums[j + 3] += row_of[row + np.uint32(3)]


@numba.njit(nogil=True, cache=True)
def _sum_exactly(nodes, leaf, root, depth, probability, pixel):  # type: ignore[no-untyped-def]
    """Sums of the leaf distributions of one pixel in float64, tree after tree."""
    total = np.zeros(probability.shape[1])
    for tree in range(root.shape[0]):
        k = 0
        for _ in range(depth[tree]):
            n = nodes[root[tree] + k]
            k = np.int64(n >> 12) + (pixel[(n >> 8) & 15] > (n & 255))
        total += probability[leaf[root[tree] + k]]
    return total


@numba.njit(parallel=True, nogil=True, cache=True)
def _predict(  # type: ignore[no-untyped-def]
    nodes, leaf, root, depth, feature, threshold, below, units, probability, scale, planes, label, confidence
):
    count, classes, trees = planes.shape[1], probability.shape[1], root.shape[0]
    for block in numba.prange((count + _BLOCK - 1) // _BLOCK):
        start, stop = block * _BLOCK, min(count, (block + 1) * _BLOCK)
        size = stop - start
        plane = np.zeros((planes.shape[0], _BLOCK), np.uint8)
        plane[:, :size] = planes[:, start:stop]
        # Sixteen bytes a pixel: its features lie in one line of the cache.
        pixels = np.zeros(_BLOCK * 16, np.uint8)
        for f in range(planes.shape[0]):
            for i in range(size):
                pixels[i * 16 + f] = plane[f, i]
        place, at = np.zeros(_BLOCK, np.uint8), np.zeros(_BLOCK, np.uint32)
        total = np.zeros((units.shape[0], _BLOCK * 4), np.uint32)
        for tree in range(trees):
            _descend_top(plane, feature[tree], threshold[tree], size, place)
            _walk(nodes[root[tree] :], below[tree], place, depth[tree] - _TOP, pixels, size, at)
            _add(leaf[root[tree] :], at, units, size, total)
        for i in range(size):
            best, most, second = 0, np.int64(-1), np.int64(-1)
            for c in range(classes):
                here = np.int64(total[c // 4, i * 4 + c % 4])
                if here > most:
                    best, most, second = c, here, most
                else:
                    second = max(second, here)
            share = most / scale / trees
            # Each sum is off by at most half a unit a tree.
            if most - second <= trees:
                exact = _sum_exactly(nodes, leaf, root, depth, probability, pixels[i * 16 : i * 16 + 16])
                best = int(np.argmax(exact))
                share = exact[best] / trees
            label[start + i] = best
            confidence[start + i] = share
