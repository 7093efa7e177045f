"""Classification of scenes: ours against TorchGeo's own way, engine against engine, and reading against computing."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .classify_case import ACCURATE, CELLS, Network, load_patches, trained, write_scene
from .classifying import THREADS
from .table import Row, in_turns

RUNS = 5
_RIVAL_SETTINGS = ((32, 0), (128, 0), (64, 2))
"""Batch size and number of workers of the rival; the fastest is used."""

Figures = dict[str, list[dict[str, float]]]


class _Case:
    """One network and one scene, and the sides that classify it."""

    def __init__(self, backbone: str, folder: Path) -> None:
        self.backbone, self._folder = backbone, folder
        patches, self.data = load_patches()
        self.network: Network = trained(backbone, patches)
        self.scene, self.image = write_scene(patches)

    def side(self, name: str, model: Path, *options: object) -> Callable[[], dict[str, float]]:
        """A side of `benchmarks.classifying` in a process of its own."""
        scene = self.image if name == "torchgeo" else self.scene
        labels = self.labels_file(name, model)
        arguments = [name, scene, model, labels, *options]

        def call() -> dict[str, float]:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.classifying", *map(str, arguments)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
            return json.loads(done.stdout)

        return call

    def rival(self) -> tuple[Callable[[], dict[str, float]], str]:
        """TorchGeo's own way with the best of its settings."""
        tried = {}
        for batch, workers in _RIVAL_SETTINGS:
            tried[batch, workers] = self.side("torchgeo", self.network.torch, batch, workers)()["rate"]
        batch, workers = max(tried, key=lambda key: tried[key])
        return (
            self.side("torchgeo", self.network.torch, batch, workers),
            f"TorchGeo RasterDataset + GridGeoSampler + DataLoader (batch {batch}, {workers} workers) + torch eager",
        )

    def labels_file(self, name: str, model: Path) -> Path:
        return self._folder / f"{name}-{model.name}.npy"

    def agreement(self, name: str, model: Path) -> float:
        """Share of patches that get the rival's label."""
        a, b = (
            np.load(file)
            for file in (self.labels_file(name, model), self.labels_file("torchgeo", self.network.torch))
        )
        return float((a == b).mean())


def _medians(figures: Figures, side: str) -> dict[str, float]:
    return {key: statistics.median(f[key] for f in figures[side]) for key in figures[side][0]}


def _rates(name: str, figures: Figures, ours: str, rival: str, note: str) -> Row:
    a, b = _medians(figures, ours), _medians(figures, rival)
    cpu = (
        f"{RUNS} runs; CPU {1000 * a['cpu'] / a['patches']:.2g} ms a patch against "
        f"{1000 * b['cpu'] / b['patches']:.2g} ms"
    )
    ratio = a["rate"] / b["rate"]
    return Row(
        name, float(f"{a['rate']:.3g}"), float(f"{b['rate']:.3g}"), float(f"{ratio:.3g}"), "patches/s",
        f"{note}; {cpu}",
    )  # fmt: skip


def _against_torchgeo(backbone: str) -> tuple[Figures, Callable[[str], str]]:
    with tempfile.TemporaryDirectory() as folder:
        case = _Case(backbone, Path(folder))
        rival, rival_name = case.rival()
        sides = {
            "int8": case.side("auto", case.network.int8),
            "fp32": case.side("auto", case.network.fp32),
            "rival": rival,
        }
        figures = in_turns(sides, RUNS)
        agreements = {
            "int8": case.agreement("auto", case.network.int8),
            "fp32": case.agreement("auto", case.network.fp32),
        }

    def note(side: str) -> str:
        return (
            f"{rival_name}; ours {side}; {backbone}, {CELLS * CELLS} {case.data} tiled to a scene, "
            f"from file to labels, {THREADS} threads; the same label in {agreements[side]:.4f} of the patches"
        )

    return figures, note


def resnet50() -> list[Row]:
    """The paper's backbone: speed in int8 and fp32, and peak memory."""
    figures, note = _against_torchgeo("resnet50")
    memory = {side: statistics.median(f["mb"] for f in figures[side]) for side in figures}
    return [
        _rates("classify_cpu", figures, "int8", "rival", note("int8")),
        _rates("classify_cpu_fp32", figures, "fp32", "rival", note("fp32")),
        Row(
            "classify_cpu_memory",
            float(f"{memory['int8']:.3g}"),
            float(f"{memory['rival']:.3g}"),
            float(f"{memory['rival'] / memory['int8']:.3g}"),
            "MB",
            f"peak memory of the process; ours fp32 {memory['fp32']:.0f} MB; {note('int8')}",
        ),
    ]


def resnet18() -> list[Row]:
    """A smaller backbone."""
    figures, note = _against_torchgeo("resnet18")
    return [_rates("classify_cpu_resnet18", figures, "int8", "rival", note("int8"))]


def accurate() -> list[Row]:
    """The network of the accuracy figures, on which int8 must keep the labels."""
    figures, note = _against_torchgeo(ACCURATE)
    return [
        _rates("classify_cpu_efficientnet", figures, "int8", "rival", note("int8")),
        _rates("classify_cpu_efficientnet_fp32", figures, "fp32", "rival", note("fp32")),
    ]


def engines() -> list[Row]:
    """OpenVINO against ONNX Runtime in `classify` itself."""
    with tempfile.TemporaryDirectory() as folder:
        case = _Case("resnet50", Path(folder))
        files = {"fp32": case.network.fp32, "int8": case.network.int8}
        sides = {
            f"{engine} {precision}": case.side(engine, file)
            for precision, file in files.items()
            for engine in ("openvino", "onnxruntime")
        }
        figures = in_turns(sides, RUNS)
        rows = []
        for precision, file in files.items():
            a, b = (np.load(case.labels_file(engine, file)) for engine in ("openvino", "onnxruntime"))
            note = (
                f"classify with OpenVINO against classify with ONNX Runtime, the same {precision} file; resnet50, "
                f"{CELLS * CELLS} {case.data}, {THREADS} threads; the same label in {(a == b).mean():.4f}"
            )
            sides_of_row = (f"openvino {precision}", f"onnxruntime {precision}")
            rows.append(_rates(f"openvino_vs_onnxruntime_{precision}", figures, *sides_of_row, note))
    return rows


def feed_rate() -> list[Row]:
    """Patches that reading and preparation deliver, against those the CPU's int8 network takes."""
    with tempfile.TemporaryDirectory() as folder:
        case = _Case("resnet50", Path(folder))
        file = case.network.int8
        figures = in_turns({"feed": case.side("feed", file), "int8": case.side("auto", file)}, RUNS)
        note = (
            "HDF5 reading and preparation of patches, one thread, against classify with the int8 network on "
            f"{THREADS} threads; resnet50, {CELLS * CELLS} {case.data}"
        )
        return [_rates("classify_feed_rate", figures, "feed", "int8", note)]


GROUPS: dict[tuple[str, ...], Callable[[], list[Row]]] = {
    ("classify_cpu", "classify_cpu_fp32", "classify_cpu_memory"): resnet50,
    ("classify_cpu_resnet18",): resnet18,
    ("classify_cpu_efficientnet", "classify_cpu_efficientnet_fp32"): accurate,
    ("openvino_vs_onnxruntime_fp32", "openvino_vs_onnxruntime_int8"): engines,
    ("classify_feed_rate",): feed_rate,
}
"""Names of the rows, and the function that measures them together."""
