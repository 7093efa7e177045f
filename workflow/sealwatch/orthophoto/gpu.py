"""Prediction on a GPU: the portable forest handed to nvForest through Treelite.

Sources: nvForest's and Treelite's Python API (`load_from_treelite_model`, `model_builder`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from .forest import Forest
from .predictor import Predictor

Engine = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""uint8 [pixel, feature] -> label uint8 [pixel], confidence float32 [pixel]."""

SMALLEST_PIXELS = 1 << 16
"""Blocks are not halved below this."""


def gpu_absent() -> str:
    """Why no GPU can be used, or an empty text."""
    try:
        import cupy  # type: ignore[import-not-found, unused-ignore]

        # RAPIDS imports on machines without a GPU and fails only when it is used, hence the count of devices.
        return "" if cupy.cuda.runtime.getDeviceCount() else "no CUDA device"
    except Exception as error:  # cupy raises its own types where there is no driver
        return str(error)


def predictor_for(forest: Forest, engine: str) -> Engine:
    """The predictor for setting `orthophoto.forest.engine`: the GPU's where there is one, else the processor's.

    Both read the same file and publish the mean leaf distribution over the trees. A GPU that cannot be used is
    said on standard error; unlike training, prediction then goes on without it, for a GPU may be busy for an hour
    and the result is the same.

    Args:
        forest: the forest.
        engine: `auto`, `cpu` or `gpu`.

    Raises:
        ModelError: the forest does not fit the compiled predictor.
    """
    compiled = Predictor(forest).predict
    if engine == "cpu":
        return compiled
    reason = gpu_absent()
    if not reason:
        try:
            return SplittingEngine(nvforest_engine(forest, "gpu"), compiled).predict
        except (ImportError, MemoryError, RuntimeError) as error:
            reason = f"{type(error).__name__}: {error}"
    print(f"no GPU for the segmentation ({reason}): the processors predict", file=sys.stderr)
    return compiled


def treelite_model(forest: Forest):  # type: ignore[no-untyped-def]
    """The forest as a Treelite model whose leaves are class distributions that are averaged over the trees."""
    from treelite import model_builder  # type: ignore[import-not-found, unused-ignore]

    classes, trees = len(forest.classes), len(forest.root)
    builder = model_builder.ModelBuilder(
        threshold_type="float32",
        leaf_output_type="float32",
        metadata=model_builder.Metadata(
            num_feature=len(forest.features),
            task_type="kMultiClf",
            average_tree_output=True,
            num_target=1,
            num_class=[classes],
            leaf_vector_shape=(1, classes),
        ),
        tree_annotation=model_builder.TreeAnnotation(
            num_tree=trees, target_id=[0] * trees, class_id=[-1] * trees
        ),
        postprocessor=model_builder.PostProcessorFunc(name="identity_multiclass"),
        base_scores=[0.0] * classes,
    )
    distributions = forest.probability.tolist()
    ends = np.append(forest.root[1:], len(forest.child))
    for first, last in zip(forest.root, ends, strict=True):
        columns = (forest.feature, forest.threshold, forest.child, forest.leaf)
        nodes = zip(*(column[first:last].tolist() for column in columns), strict=True)
        builder.start_tree()
        for key, (feature, threshold, child, leaf) in enumerate(nodes):
            builder.start_node(key)
            if leaf >= 0:
                builder.leaf(distributions[leaf])
            else:
                builder.numerical_test(
                    feature,
                    threshold,
                    default_left=True,
                    opname="<=",
                    left_child_key=child,
                    right_child_key=child + 1,
                )
            builder.end_node()
        builder.end_tree()
    return builder.commit()


def nvforest_engine(forest: Forest, device: str) -> Engine:
    """The engine of nvForest on `device`, `gpu` or `cpu`.

    Raises:
        ImportError: nvForest or Treelite is not installed.
        MemoryError: the forest does not fit the GPU.
    """
    import nvforest  # type: ignore[import-not-found, unused-ignore]

    model = nvforest.load_from_treelite_model(treelite_model(forest), device=device, precision="single")
    if device == "gpu":
        import cupy as xp  # type: ignore[import-not-found, unused-ignore]
    else:
        xp = np

    def predict(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Bytes cross the bus and become floats on the device.
        try:
            share = model.predict_proba(xp.asarray(values).astype("f4"))
        except RuntimeError as error:
            # CUDA's own errors come as RuntimeError, whatever they tell.
            if "memory" in str(error):
                raise MemoryError(str(error)) from error
            raise
        share = xp.asarray(share).reshape(len(values), -1)
        label, confidence = share.argmax(axis=1).astype("u1"), share.max(axis=1).astype("f4")
        return (label, confidence) if xp is np else (xp.asnumpy(label), xp.asnumpy(confidence))

    return predict


class SplittingEngine:
    """Halves the blocks of an engine that runs out of memory, and in the end goes over to another one.

    Args:
        engine: may raise MemoryError (cupy and RMM do, by subclasses).
        fallback: takes over for good once blocks of `smallest` pixels are too many.
        smallest: pixels.
    """

    def __init__(self, engine: Engine, fallback: Engine, smallest: int = SMALLEST_PIXELS) -> None:
        self._engine, self._fallback, self._smallest = engine, fallback, smallest
        self._most: int | None = None

    def predict(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidences of uint8 [pixel, feature], as the engines give them."""
        label, confidence = np.empty(len(values), "u1"), np.empty(len(values), "f4")
        done = 0
        while done < len(values):
            size = min(self._most or len(values), len(values) - done)
            part = slice(done, done + size)
            try:
                label[part], confidence[part] = self._engine(values[part])
            except MemoryError as error:
                self._shrink(size, error)
                continue
            done += size
        return label, confidence

    def _shrink(self, size: int, error: MemoryError) -> None:
        text = str(error).splitlines()[0] if str(error) else "no more memory"
        if size // 2 < self._smallest:
            print(f"out of memory with {size} pixels ({text}): the processors predict", file=sys.stderr)
            self._engine, self._most = self._fallback, None
        else:
            self._most = size // 2
            print(f"out of memory with {size} pixels ({text}): trying {self._most}", file=sys.stderr)
