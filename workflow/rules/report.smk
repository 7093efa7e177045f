"""Stage 7. Figures of the run (report/summary.json), a map per zone (report/map_{zone}.png) and the feed (feed/)."""


rule report:
    """Figures of the run, for each zone a map of the found changes over the newest imagery, and the feed of them."""
    input:
        scenes=[scene for zone in ZONES for scene in newest_scenes(zone)],
        grids=per_zone("grid/{zone}.h5"),
        events=per_zone("change/{zone}.gpkg"),
        months=per_zone("inventory/{zone}/{month}.json", month=MONTHS),
        sheets=config["orthophoto"]["sheets"],
        outlines=outlines,
    output:
        figures=result("report/summary.json"),
        maps=expand(result("report/map_{zone}.png"), zone=ZONES),
        geojson=result("feed/alerts.geojson"),
        atom=result("feed/alerts.atom"),
        maproulette=result("feed/maproulette.geojsonl"),
    log:
        result("logs/report.log"),
    benchmark:
        result("benchmarks/report.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        baseline=5,
        scenes=INVENTORY.scenes,
        months=len(MONTHS) * len(ZONES),
        halves=len(HALVES) * len(ZONES),
        unclear_scl=config["sentinel2"]["unclear_scl"],
        attribution=config["attribution"],
        title=config["services"]["title"],
        about=about(config),
        end=PERIOD["end"],
    message:
        "Figures and maps of the run"
    script:
        "../../scripts/report.py"
