"""docs/rulegraph.svg, the rules of a finished demo as Snakemake sees them: python -m builders.rulegraph [FOLDER]."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from typing import Any

import networkx as nx
from sklearn.isotonic import isotonic_regression

from builders.demo import ROOT, Demo, open_demo
from sealwatch.errors import SealwatchError, ServiceError
from sealwatch.files import write_text

TARGET = ROOT / "docs/rulegraph.svg"
BOX, GAP, ROW = (118, 26), 16, 54
"""Width and height of a box, gap between two, distance of rows, in pixels."""
# Okabe and Ito's palette, light enough for black text; told apart by people with colour-blindness too.
STAGES = {
    "classifier": "#cc79a7",
    "sentinel2": "#56b4e9",
    "composites": "#9ad1f2",
    "change": "#f0e442",
    "check": "#dddddd",
    "orthophoto": "#e69f00",
    "publish": "#5fc4a4",
    "report": "#f2a58c",
}


def dot_of(demo: Demo, *options: str) -> str:
    """What `snakemake --rulegraph` prints for a finished demo.

    Raises:
        ServiceError: it failed.
    """
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--rulegraph",
        *options,
        "--configfile",
        str(demo.config_file),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=demo.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServiceError(f"snakemake --rulegraph failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def arrows(dot: str) -> set[tuple[str, str]]:
    """Pairs of a rule and one that needs it, and of a rule without such with itself; the target is left out."""
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', dot, re.M))
    found = {(names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)$", dot, re.M)}
    return {(a, b if b != "all" else a) for a, b in found if a != "all"}


def graph_of(waiting: str, finished: str) -> nx.DiGraph:
    """Rules and what they need, without arrows that follow from others; `called` marks those that flags call for.

    Args:
        waiting: the graph before the flags are known.
        finished: the graph after; Snakemake then forgets the flags, and knows what they called for.

    Raises:
        ServiceError: the demo is not finished.
    """
    before, after = arrows(waiting), arrows(finished)
    new = {name for pair in after for name in pair} - {name for pair in before for name in pair}
    if "outline" not in new:
        raise ServiceError(
            "the demo is not finished, so rules below the flags are not known; run make demo first"
        )
    first = {name for name in new if not any(b == name and a in new and a != b for a, b in after)}
    called = {("flag_sheets", name) for name in first}
    whole = nx.DiGraph(sorted((a, b) for a, b in before | after | called if a != b))
    whole.add_nodes_from(sorted(name for pair in before | after for name in pair))
    graph = nx.transitive_reduction(whole)
    for pair in called & set(graph.edges):
        graph.edges[pair]["called"] = True
    return graph


def stage_of() -> dict[str, str]:
    """The rule file each rule stands in."""
    return {
        rule: path.stem
        for path in sorted((ROOT / "workflow/rules").glob("*.smk"))
        for rule in re.findall(r"^\s*(?:rule|checkpoint) (\w+):", path.read_text(encoding="utf-8"), re.M)
    }


def layers_of(graph: nx.DiGraph) -> list[list[Any]]:
    """Rows from the sources down; an arrow over several rows has a place in each, as a tuple instead of a name."""
    rows = {name: row for row, names in enumerate(nx.topological_generations(graph)) for name in names}
    for name in reversed(list(nx.topological_sort(graph))):  # sources come down to what needs them
        below = [rows[other] for other in graph.successors(name)]
        if below and not list(graph.predecessors(name)):
            rows[name] = min(below) - 1
    chains = nx.DiGraph()
    chains.add_nodes_from(sorted(graph))
    for a, b in sorted(graph.edges):
        chain = [a, *((a, b, row) for row in range(rows[a] + 1, rows[b])), b]
        rows.update({place: place[2] for place in chain[1:-1]})
        nx.add_path(chains, chain)
    layers = [[n for n in chains if rows[n] == row] for row in range(max(rows.values()) + 1)]
    # Each is sorted by where its neighbours in the row before stand, down and up in turn.
    for sweep in range(12):
        order = layers if sweep % 2 == 0 else layers[::-1]
        near = chains.predecessors if sweep % 2 == 0 else chains.successors
        for fixed, layer in pairwise(order):
            place = {name: (i + 0.5) / len(fixed) for i, name in enumerate(fixed)}
            here = {name: (i + 0.5) / len(layer) for i, name in enumerate(layer)}
            layer.sort(key=lambda name: _mean([place[n] for n in near(name)], here[name]))
    return layers


def places_of(graph: nx.DiGraph, layers: list[list[Any]]) -> dict[Any, float]:
    """Where each box stands from the left, as near as may be below and above its neighbours."""
    chains = nx.Graph()
    for a, b in graph.edges:
        nx.add_path(chains, _chain(layers, a, b))
    offsets = {}
    for layer in layers:
        at = 0.0
        for name, after in zip(layer, [*layer[1:], None], strict=True):
            offsets[name] = at
            at += sum((BOX[0] + GAP if isinstance(n, str) else GAP) / 2 for n in (name, after) if n)
    x = {name: offsets[name] - max(offsets[n] for n in layer) / 2 for layer in layers for name in layer}
    for _ in range(60):
        for layer in layers:
            wanted = [
                _mean([x[n] for n in chains[name]], x[name]) if name in chains else x[name] for name in layer
            ]
            shifted = isotonic_regression([w - offsets[n] for w, n in zip(wanted, layer, strict=True)])
            x.update({n: float(s) + offsets[n] for s, n in zip(shifted, layer, strict=True)})
    least = min(x.values())
    return {name: value - least + BOX[0] / 2 + GAP for name, value in x.items()}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _chain(layers: list[list[Any]], a: str, b: str) -> list[Any]:
    """The places of an arrow, from box to box."""
    return [a, *(n for layer in layers for n in layer if isinstance(n, tuple) and n[:2] == (a, b)), b]


def svg_of(graph: nx.DiGraph) -> str:
    """The drawing."""
    layers, stages = layers_of(graph), stage_of()
    left, top = (
        places_of(graph, layers),
        {n: 24 + row * ROW for row, layer in enumerate(layers) for n in layer},
    )
    width, height = BOX
    whole = max(left.values()) + width / 2 + GAP
    below = 30 + len(layers) * ROW
    lines, boxes, legend = [], [], []
    for a, b in sorted(graph.edges):
        points = [(left[name], top[name]) for name in _chain(layers, a, b)]
        points[0], points[-1] = (left[a], top[a] + height / 2), (left[b], top[b] - height / 2)
        path = f"M{left[a]:.0f} {points[0][1]:.0f}"
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = (y0 + y1) / 2
            path += f" C{x0:.0f} {middle:.0f} {x1:.0f} {middle:.0f} {x1:.0f} {y1:.0f}"
        dashes = ' stroke-dasharray="5 4"' if graph.edges[a, b].get("called") else ""
        lines.append(f'<path d="{path}" marker-end="url(#tip)"{dashes}/>')
    for name in sorted(graph):
        boxes.append(
            f'<rect x="{left[name] - width / 2:.0f}" y="{top[name] - height / 2:.0f}" width="{width}" '
            f'height="{height}" rx="5" fill="{STAGES[stages[name]]}"/>'
            f'<text x="{left[name]:.0f}" y="{top[name] + 4:.0f}">{name}</text>'
        )
    for i, (stage, colour) in enumerate(STAGES.items()):
        x, y = GAP + i % 4 * (whole - GAP) / 4, below + i // 4 * 22
        legend.append(
            f'<rect x="{x:.0f}" y="{y - 10:.0f}" width="14" height="14" rx="3" fill="{colour}"/>'
            f'<text x="{x + 20:.0f}" y="{y + 2:.0f}" text-anchor="start">{stage}.smk</text>'
        )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:.0f} {below + 40}" width="{whole:.0f}" '
            'font-family="system-ui, DejaVu Sans, sans-serif" font-size="12" text-anchor="middle">',
            "<title>Rules and what they need</title>",
            f'<rect width="{whole:.0f}" height="{below + 40}" fill="#fff"/>',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
            '<g fill="none" stroke="#666" stroke-width="1.2">',
            *lines,
            "</g>",
            '<g fill="#111">',
            *boxes,
            *legend,
            "</g>",
            "</svg>\n",
        ]
    )


def drawing(demo: Demo) -> str:
    """The drawing of a finished demo."""
    return svg_of(graph_of(dot_of(demo, "--forcerun", "flag_sheets"), dot_of(demo)))


def main(arguments: list[str]) -> int:
    """Command line."""
    try:
        write_text(TARGET, drawing(open_demo(arguments[0] if arguments else "demo")))
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
