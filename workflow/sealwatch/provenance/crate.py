"""The run as an RO-Crate: `ro-crate-metadata.json` at the root of the results folder.

Sources: RO-Crate 1.1; Workflow Run Crate 0.5 and the profiles it extends. Equal inputs give equal bytes: no clock times
but those of releases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from .. import __version__, hdf5
from ..catalogue.inventory import Inventory, configured_inventory
from ..catalogue.records import read_record
from ..files import file_digest, value_digest, write_json, write_text
from ..keys import scene_key, split_sheet_key
from .entities import Graph, reference, references
from .products import Products, ProvenanceError

METADATA = "ro-crate-metadata.json"

_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_SNAKEFILE = Path(__file__).parents[2] / "Snakefile"

_NETWORK = "Network that classifies Sentinel-2 patches"
_NETWORK_FILES = {"fp32": "models/landcover.onnx", "int8": "models/landcover.int8.onnx"}
_MODELS = {"models/forest.npz": "Random forest that segments orthophotos", "models/*.card.json": "Model card"}
_LAYERS = {
    "change/*_evidence.gpkg": "Votes of all scenes at the cells of changes",
    "change/*.gpkg": "Changes, sites and alerts",
    "change/*.h5": "Map of changes",
    "change/*.parquet": "Changes, sites or alerts, GeoParquet",
    "half/*/*.h5": "Half-yearly composite of land cover",
    "cog/*/*.tif": "Map as cloud-optimised GeoTIFF",
    "outline/*.gpkg": "Outlines of newly sealed land on an orthophoto",
    "report/**/*": "Report",
    "stac/catalog.json": "STAC catalogue of the maps",
}
"""What a crate describes by its place; of patterns that fit the same file the first counts."""


def write_crate(config: Mapping[str, Any]) -> Path:
    """Describe the run in the results folder; the merged configuration and the Snakefile are put into `crate/`.

    Args:
        config: the whole merged configuration.

    Returns:
        The metadata file.

    Raises:
        ProvenanceError: the results folder holds no change layers.
        CatalogueError: a record of the inventory is damaged.
    """
    root = Path(config["results"])
    if not any(root.glob("change/*.gpkg")):
        raise ProvenanceError(f"{root}: holds no change layers to describe; run the workflow first")
    write_text(root / "crate/config.yaml", yaml.safe_dump(dict(config), allow_unicode=True))
    write_text(root / "crate/Snakefile", _SNAKEFILE.read_text(encoding="utf-8"))
    inventory = configured_inventory(config)
    write_json(root / METADATA, {"@context": _CONTEXT, "@graph": _graph(root, config, inventory)})
    return root / METADATA


def _graph(root: Path, config: Mapping[str, Any], inventory: Inventory) -> list[dict[str, Any]]:
    services = config["services"]
    graph = Graph(root)
    graph.add(
        METADATA,
        "CreativeWork",
        about=reference("./"),
        conformsTo=references(
            ["https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"]
        ),
    )
    graph.add("./", "Dataset")
    publisher = graph.add_organisation(services["contact"])
    licence = graph.add_licence(services["licence"])
    for identity, (name, number) in _PROFILES.items():
        graph.add(identity, "CreativeWork", name=name, version=number)
    workflow = _add_workflow(graph)
    settings = graph.add_file(root / "crate/config.yaml", "Configuration of the run, with the defaults")
    scenes = list(_add_scenes(graph, inventory))
    models = list(
        _add_matches(graph, {_NETWORK_FILES[config["classifier"]["precision"]]: _NETWORK} | _MODELS)
    )
    layers = list(_add_matches(graph, _LAYERS))
    releases, published = _add_releases(graph, licence)
    parts = [workflow, settings, *scenes, *models, *layers, *releases]
    run = graph.add(
        f"#run-{value_digest(config).removeprefix('sha256:')[:16]}",
        "CreateAction",
        name=f"Run of Sealwatch {__version__} for project {config['project']}",
        description=f"snakemake with configuration {value_digest(config)}",
        instrument=reference(workflow),
        agent=reference(publisher) if publisher else None,
        object=references([settings, *scenes, *models, *_add_outside(graph, config)]),
        result=references([*layers, *releases]),
    )
    newest = max((date for _, date, _ in inventory.scenes), default=config["period"]["end"])
    graph.entities["./"] |= {
        "name": f"{services['title']}, {config['project']}",
        "description": f"{services['abstract']} {config['attribution']}",
        "datePublished": published or newest,
        "temporalCoverage": f"{config['period']['start']}/{config['period']['end']}",
        "license": licence,
        "conformsTo": references(_PROFILES),
        "mainEntity": reference(workflow),
        "mentions": reference(run),
        "hasPart": references(parts),
    } | ({"author": reference(publisher), "publisher": reference(publisher)} if publisher else {})
    return list(graph.entities.values())


def _add_workflow(graph: Graph) -> str:
    language = graph.add(
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        "ComputerLanguage",
        name="Snakemake",
        identifier=reference("https://doi.org/10.1093/bioinformatics/bts480"),
        url=reference("https://snakemake.readthedocs.io"),
        version=version("snakemake"),
    )
    authors = graph.add("#sealwatch", "Organization", name="The Sealwatch contributors")
    return graph.add_file(
        graph.root / "crate/Snakefile",
        "Sealwatch",
        ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        description="Entry point of the workflow; the rules it includes belong to this version of Sealwatch.",
        version=__version__,
        license=graph.add_licence("Apache-2.0"),
        creator=reference(authors),
        programmingLanguage=reference(language),
    )


def _add_scenes(graph: Graph, inventory: Inventory) -> Iterator[str]:
    """Folder of each tile with the records of its scenes, each with the ids of its STAC items."""
    files: dict[str, list[str]] = {}
    for scene in inventory.scenes:
        path = graph.root / f"inventory/{scene_key(*scene)}.json"
        granules = read_record(path).granules
        items = [granule.item_id for granule in granules]
        baselines = ", ".join(sorted({granule.baseline for granule in granules}))
        name = f"Sentinel-2 scene {' '.join(scene)}"
        entity = graph.add_file(
            path,
            name,
            identifier=items[0] if len(items) == 1 else items,
            description=f"Record of the STAC items that were read; processing baseline {baselines}",
        )
        files.setdefault(scene[0], []).append(entity)
    for tile, entities in files.items():
        yield graph.add_folder(
            graph.root / f"inventory/{tile}", f"Sentinel-2 scenes of tile {tile}", entities
        )


def _add_matches(graph: Graph, names: Mapping[str, str]) -> Iterator[str]:
    """Files that fit a pattern, once each; those under a temporary name are left out."""
    seen: set[Path] = set()
    for pattern, name in names.items():
        for path in sorted(set(graph.root.glob(pattern)) - seen):
            seen.add(path)
            if path.is_file() and not path.name.startswith("."):
                yield graph.add_file(path, f"{name}: {path.stem}")


def _add_releases(graph: Graph, licence: Any) -> tuple[list[str], str | None]:
    """Folders of all releases, and the day of the newest."""
    found: list[str] = []
    day = None
    numbers = [int(path.name) for path in graph.root.glob("release/*") if path.name.isdigit()]
    for number in sorted(numbers):
        folder = graph.root / f"release/{number}"
        # Releases of early versions had no item.
        item = Products(graph.root).read_json(f"release/{number}/item.json")
        created = item["properties"]["created"][:10] if item else None
        day = created or day
        files = [graph.add_file(path, path.name) for path in sorted(folder.iterdir()) if path.is_file()]
        found.append(
            graph.add_folder(
                folder,
                f"Release {number} of reviewed polygons",
                files,
                version=str(number),
                datePublished=created,
                license=licence,
            )
        )
    return found, day


def _add_outside(graph: Graph, config: Mapping[str, Any]) -> Iterator[str]:
    """Inputs that lie outside the results folder, by their digests."""
    orthophoto = config["orthophoto"]
    single = {
        "area-of-interest": ("Area of interest", config["area_of_interest"]),
        "sentinel-2-model": (_NETWORK, config["classifier"]["model"]),
        "sheet-index": ("Index of the orthophotos", orthophoto["sheets"]),
        "training-polygons": ("Training polygons", orthophoto["training_polygons"]),
        "reference": ("Land that was sealed before", orthophoto["reference"]),
    }
    for name, (title, path) in single.items():
        if path is not None and Path(path).is_file():
            yield graph.add_outside(name, f"{title}: {Path(path).name}", file_digest(path))
    registries = Products(graph.root).read_json("publish/registries.json") or {}
    for name in config["registries"]:
        digest = registries.get(name, {}).get("digest")
        yield graph.add_outside(f"registry-{name}", f"Registry {name}", digest)
    for path in sorted(graph.root.glob("ortho/*.h5")):
        made = hdf5.root_attributes(path)
        sheet, year = split_sheet_key(path.stem)
        title = f"Orthophoto {sheet} of {year}: {made['raster']}"
        yield graph.add_outside(f"orthophoto-{path.stem}", title, made["raster_digest"])
