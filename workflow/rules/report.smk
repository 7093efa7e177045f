"""Stage 7. Figures of the run (report/summary.json) and a map per zone (report/map_{zone}.png)."""


rule overview:
    """Map of the found changes over the newest imagery."""
    input:
        scenes=lambda w: newest_scenes(w.zone),
        grid=result("grid/{zone}.h5"),
        events=result("change/{zone}.gpkg"),
        outlines=outlines,
    output:
        picture=result("report/map_{zone}.png"),
    log:
        result("logs/overview/{zone}.log"),
    benchmark:
        result("benchmarks/overview/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        baseline=2,
        unclear_scl=config["sentinel2"]["unclear_scl"],
        attribution=config["attribution"],
        title=config["services"]["title"],
    message:
        "Map of zone {wildcards.zone}"
    script:
        "../../scripts/overview.py"


rule summary:
    """Figures of the run."""
    input:
        grids=per_zone("grid/{zone}.h5"),
        events=per_zone("change/{zone}.gpkg"),
        pictures=per_zone("report/map_{zone}.png"),
        months=per_zone("inventory/{zone}/{month}.json", month=MONTHS),
        sheets=config["orthophoto"]["sheets"],
        outlines=outlines,
    output:
        figures=result("report/summary.json"),
    log:
        result("logs/summary.log"),
    benchmark:
        result("benchmarks/summary.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(10),
    params:
        baseline=3,
        scenes=INVENTORY.scenes,
        months=len(MONTHS) * len(ZONES),
        halves=len(HALVES) * len(ZONES),
    message:
        "Figures of the run"
    script:
        "../../scripts/summary.py"
