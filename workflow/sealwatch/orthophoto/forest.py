"""The random forest as one portable file of node arrays, whoever trained it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..files import atomic_path, canonical_json

FORMAT = "sealwatch-forest"
"""Mark of the file."""

VERSION = 1
"""Version of the file's layout."""

_ARRAYS = {
    "feature": "uint8",
    "threshold": "uint8",
    "child": "int32",
    "leaf": "int32",
    "root": "int32",
    "probability": "float64",
}


@dataclass(frozen=True, slots=True)
class Forest:
    """Decision trees over byte features, as flat arrays over all nodes of all trees.

    At node `n` go to `child[n]` if the value of feature `feature[n]` is <= `threshold[n]`, else to `child[n]
    + 1`. A leaf has `leaf[n]` >= 0, its row in `probability`, and is its own child. `child` counts from the
    tree's root.

    Attributes:
        features: names of the features, in order.
        classes: names of the classes; a label is an index in it.
        feature: uint8 [node].
        threshold: uint8 [node].
        child: int32 [node].
        leaf: int32 [node], -1 at inner nodes.
        root: int32 [tree], position of each tree's root.
        probability: float64 [row, class], distinct leaf distributions.
        training: what is told about the training.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    feature: np.ndarray
    threshold: np.ndarray
    child: np.ndarray
    leaf: np.ndarray
    root: np.ndarray
    probability: np.ndarray
    training: dict[str, Any]

    @property
    def digest(self) -> str:
        """`sha256:` and the SHA-256 over header and arrays."""
        total = hashlib.sha256(canonical_json(self._header()).encode())
        for name in _ARRAYS:
            total.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return "sha256:" + total.hexdigest()

    def _header(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "features": list(self.features),
            "classes": list(self.classes),
            "training": self.training,
        }

    def check_features(self, names: list[str], source: str | Path) -> None:
        """Raise ModelError unless `names`, the features of file `source`, are those of the forest."""
        if tuple(names) != self.features:
            raise ModelError(
                f"{source}: has features {' '.join(names)}, but the forest was trained on "
                f"{' '.join(self.features)}; train the forest again"
            )

    def save(self, target: str | Path) -> None:
        """Write the forest as NumPy archive; with the same version of Python equal forests give equal bytes."""
        header = canonical_json({**self._header(), "digest": self.digest})
        arrays: dict[str, Any] = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        arrays["header"] = np.frombuffer(header.encode(), "u1")
        with atomic_path(target) as part:
            np.savez_compressed(part, **arrays)


def load_forest(path: str | Path) -> Forest:
    """Read a forest written by `Forest.save`.

    Raises:
        ModelError: the file is absent, no such forest, of another version, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            arrays = {name: archive[name] for name in _ARRAYS}
    except Exception as error:  # numpy and zipfile raise a dozen types for a damaged archive
        raise ModelError(f"{path}: cannot be read as a forest ({error}); train it again") from error
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise ModelError(f"{path}: is not a {FORMAT} file of version {VERSION}; train the forest again")
    if any(str(arrays[name].dtype) != kind for name, kind in _ARRAYS.items()):
        raise ModelError(f"{path}: holds arrays of wrong types; train the forest again")
    forest = Forest(
        tuple(header["features"]), tuple(header["classes"]), **arrays, training=header["training"]
    )
    if forest.digest != header.get("digest"):
        raise ModelError(
            f"{path}: the digest does not fit the content, the file is damaged; train the forest again"
        )
    return forest


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as trainers give it: children -1 at leaves, go left where value <= threshold."""

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    probability: np.ndarray


def assemble(
    trees: list[Tree], features: tuple[str, ...], classes: tuple[str, ...], training: dict[str, Any]
) -> Forest:
    """Lay the trees out level by level with siblings side by side, and keep equal leaf distributions once.

    Features are whole numbers 0..255, so `value <= threshold` is the same as `value <= floor(threshold)` and
    no decision changes.
    """
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("feature", "threshold", "child", "leaf")}
    rows, roots, nodes, leaves = [], [], 0, 0
    for tree in trees:
        order, child = _level_order(tree)
        is_leaf = tree.left[order] < 0
        leaf = np.where(is_leaf, np.cumsum(is_leaf) - 1 + leaves, -1)
        threshold = np.where(is_leaf, 255, np.clip(np.floor(tree.threshold[order]), 0, 255))
        columns["feature"].append(np.where(is_leaf, 0, tree.feature[order]).astype("u1"))
        columns["threshold"].append(threshold.astype("u1"))
        columns["child"].append(child)
        columns["leaf"].append(leaf.astype("i4"))
        rows.append(tree.probability[order][is_leaf])
        roots.append(nodes)
        nodes += len(order)
        leaves += int(is_leaf.sum())
    flat = {name: np.concatenate(parts) for name, parts in columns.items()}
    probability, row = np.unique(np.concatenate(rows).astype("f8"), axis=0, return_inverse=True)
    at_leaf = flat["leaf"] >= 0
    flat["leaf"][at_leaf] = row.reshape(-1)[flat["leaf"][at_leaf]]
    return Forest(
        features, classes, **flat, root=np.array(roots, "i4"), probability=probability, training=training
    )


def _level_order(tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """Old numbers of the nodes in new order, and new numbers of their left children (a leaf's own)."""
    levels, child = [np.zeros(1, "i8")], []
    done = 0
    while len(levels[-1]):
        level = levels[-1]
        inner = tree.left[level] >= 0
        after = done + len(level)
        child.append(
            np.where(inner, after + 2 * (np.cumsum(inner) - 1), done + np.arange(len(level))).astype("i4")
        )
        levels.append(
            np.stack([tree.left[level[inner]], tree.right[level[inner]]], axis=1).reshape(-1).astype("i8")
        )
        done = after
    return np.concatenate(levels), np.concatenate(child)
