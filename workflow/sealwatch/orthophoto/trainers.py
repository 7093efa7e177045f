"""The two trainers of the forest, cuML and scikit-learn: same parameters, and their trees in one form."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ConfigError
from .forest import Tree
from .gpu import gpu_absent

PARAMETERS = ("n_estimators", "max_depth", "min_samples_leaf", "max_features")
"""Settings that both trainers take under the same name with the same meaning."""


def choose_engine(wanted: str) -> str:
    """`cuml` or `scikit-learn` for the setting auto, cpu or gpu.

    Raises:
        ConfigError: a GPU is wanted and none can be used.
    """
    if wanted == "cpu":
        return "scikit-learn"
    reason = gpu_absent()
    if not reason:
        try:
            import cuml  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
        except ImportError as error:
            reason = str(error)
    if not reason:
        return "cuml"
    if wanted == "gpu":
        raise ConfigError(
            f"orthophoto.forest.engine: gpu, but it cannot be used ({reason}); set it to auto or cpu"
        )
    print(f"no GPU for the forest ({reason}): scikit-learn trains", file=sys.stderr)
    return "scikit-learn"


def software_of(engine: str) -> str:
    """Name and version of the trainer behind `engine` of `choose_engine`."""
    if engine == "cuml":
        import cuml  # type: ignore[import-not-found, unused-ignore]

        return f"cuML {cuml.__version__}"
    import sklearn

    return f"scikit-learn {sklearn.__version__}"


def fit_trees(
    engine: str, values: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], threads: int
) -> list[Tree]:
    """Train with `engine` of `choose_engine`.

    Args:
        engine: `cuml` or `scikit-learn`.
        values: uint8 [sample, feature].
        labels: codes 0, 1, 2, ... [sample], each of which occurs.
        settings: `PARAMETERS` and `seed`.
        threads: threads of scikit-learn; the trees do not depend on their number.
    """
    parameters = {name: settings[name] for name in PARAMETERS} | {"random_state": int(settings["seed"])}
    if engine == "cuml":
        from cuml.ensemble import RandomForestClassifier  # type: ignore[import-not-found, unused-ignore]

        # One stream: with more, cuML's trees differ from run to run. 256 bins: one for every value of a byte.
        trained = RandomForestClassifier(**parameters, n_bins=256, n_streams=1)
        trained.fit(values.astype("f4"), labels.astype("i4"))
        return trees_of_treelite(trained.as_treelite())
    from sklearn.ensemble import RandomForestClassifier

    return trees_of_sklearn(RandomForestClassifier(**parameters, n_jobs=threads).fit(values, labels))


def trees_of_sklearn(trained: Any) -> list[Tree]:
    """The trees of a fitted scikit-learn forest whose classes are 0, 1, 2, ..."""
    trees = []
    for estimator in trained.estimators_:
        t = estimator.tree_
        weight = t.value[:, 0, :]
        share = weight / weight.sum(axis=1, keepdims=True)
        trees.append(Tree(t.children_left, t.children_right, t.feature, t.threshold, share))
    return trees


def trees_of_treelite(model: Any) -> list[Tree]:
    """The trees of a treelite model whose leaves are class distributions (as cuML exports its forests)."""
    classes = int(model.get_header_accessor().get_field("num_class")[0])
    trees = []
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        left = tree.get_field("cleft").astype("i8")
        begin = tree.get_field("leaf_vector_begin").astype("i8")
        vector = tree.get_field("leaf_vector")
        share = np.zeros((len(left), classes))
        at_leaf = left < 0
        share[at_leaf] = vector[begin[at_leaf, None] + np.arange(classes)]
        share[at_leaf] /= share[at_leaf].sum(axis=1, keepdims=True)
        # Fields are views of the model's memory, which may be gone before the trees are.
        right, feature = tree.get_field("cright").astype("i8"), tree.get_field("split_index").copy()
        trees.append(Tree(left, right, feature, tree.get_field("threshold").copy(), share))
    return trees
