"""A workflow with the real one's rules of scenes, by name and files, whose scenes are files of known size."""

from __future__ import annotations

from pathlib import Path

import yaml

SIZE = 6_000_000
_SNAKEFILE = """
from pathlib import Path

R = config["results"]
SCENES = sorted(str(p.relative_to(R + "/inventory"))[:-5] for p in Path(R, "inventory").rglob("*.json"))


def shown(w):
    checkpoints.flag_sheets.get()
    return [f"{R}/acquisition/{s}.h5" for s in SCENES[:2]]


rule all:
    input: R + "/summary.txt", R + "/review.txt"

rule ingest:
    input: R + "/inventory/{tile}/{date}.json"
    output: R + "/acquisition/{tile}/{date}.h5"
    shell:
        '''
        part={R}/acquisition/{wildcards.tile}/.{wildcards.date}.part.h5
        head -c 1000000 /dev/zero > $part; sleep 0.1
        head -c $(($(cat {input}) - 1000000)) /dev/zero >> $part
        echo {wildcards.tile}/{wildcards.date} >> fetched.txt
        mv $part {output}
        '''

rule classify:
    input: R + "/acquisition/{tile}/{date}.h5"
    output: R + "/landcover/{tile}/{date}.h5"
    shell: "[ ! -e refused/{wildcards.date} ] && wc -c < {input} > {output} && echo {wildcards.date} >> classified.txt"

checkpoint flag_sheets:
    input: expand(R + "/landcover/{s}.h5", s=SCENES)
    output: flags=directory(R + "/flags")
    shell: "mkdir {output}; cat {input} > {output}/all.txt"

rule review:
    input: shown
    output: R + "/review.txt"
    shell: "cat {input} | sha256sum > {output}"

rule summary:
    input: [f"{R}/acquisition/{s}.h5" for s in SCENES[-3:]], expand(R + "/landcover/{s}.h5", s=SCENES)
    output: R + "/summary.txt"
    shell: "cat {input} | sha256sum > {output}"
"""


def build(folder: Path, scenes: int = 14, size: int = SIZE) -> Path:
    """Write the workflow and its inventory; returns the configuration file, without a bound."""
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow/Snakefile").write_text(_SNAKEFILE)
    for number in range(scenes):
        add_scene(folder, number, size)
    config = folder / "config.yaml"
    set_bound(config, None)
    return config


def add_scene(folder: Path, number: int, size: int = SIZE) -> None:
    """Add a scene of a number of bytes to the inventory."""
    record = folder / f"results/inventory/T{number % 2}/2024-01-{number + 1:02d}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(f"{size}\n")


def set_bound(config: Path, gb: float | None) -> None:
    """Configure the bound in GB."""
    keys = {
        "results": "results",
        "storage": {"max_acquisitions_gb": gb},
        "sentinel2": {"bands": []},  # a scene counts 30 MB until one is measured
    }
    config.write_text(yaml.safe_dump(keys))
