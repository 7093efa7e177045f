"""Stage 4. half/{zone}/{half}.h5 and month/{zone}/{month}.h5 -> change/{zone}.h5 and change/{zone}.gpkg: confirmed
transitions, their sites, and provisional alerts; beside them cog/{zone}/change_*.tif, change/{zone}_*.parquet, a STAC
item, evidence and plots.
"""

CHANGE_RULE = {
    key: config["change"][key]
    for key in (
        "persistence",
        "max_gap",
        "first_state",
        "alert_months",
        "alert_max_gap",
        "site_gap_halves",
        "min_rise",
    )
}


rule change:
    """Transitions to impervious classes that persist, and alerts that do not yet.

    With them the latest gain of each cell as cloud-optimised GeoTIFF, the STAC item and the layers as GeoParquet.
    """
    input:
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
        months=expand(result("month/{{zone}}/{month}.h5"), month=MONTHS),
    output:
        cells=result("change/{zone}.h5"),
        layers=result("change/{zone}.gpkg"),
        start=result("cog/{zone}/change_start.tif"),
        to_class=result("cog/{zone}/change_to_class.tif"),
        confidence=result("cog/{zone}/change_confidence.tif"),
        item=result("change/{zone}.json"),
        events=result("change/{zone}_events.parquet"),
        sites=result("change/{zone}_sites.parquet"),
        alerts=result("change/{zone}_alerts.parquet"),
    log:
        result("logs/change/{zone}.log"),
    benchmark:
        result("benchmarks/change/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        baseline=2,
        catalogue=STAC_CATALOGUE,
        rule=CHANGE_RULE,
    message:
        "Changes of zone {wildcards.zone}"
    script:
        "../../scripts/change.py"


rule change_styles:
    """QGIS styles of the layers of change."""
    output:
        folder=directory(result("change/styles")),
    log:
        result("logs/change_styles.log"),
    benchmark:
        result("benchmarks/change_styles.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(500),
        runtime=grows(5),
    params:
        baseline=1,
    message:
        "QGIS styles of the layers of change"
    script:
        "../../scripts/change_styles.py"


rule evidence:
    """Which scenes voted what at the cells of events and alerts, and a plot of land cover over time for each site."""
    input:
        layers=result("change/{zone}.gpkg"),
        mosaics=lambda w: [
            result(f"mosaic/{w.zone}/{d}_{p}.h5") for d, p in INVENTORY.mosaics(w.zone)
        ],
        months=expand(result("month/{{zone}}/{month}.h5"), month=MONTHS),
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
    output:
        table=result("change/{zone}_evidence.gpkg"),
        plots=report(
            directory(result("change/{zone}_plots")),
            patterns=["{site}.svg"],
            caption="../report/plots.rst",
            category="Changes",
        ),
    log:
        result("logs/evidence/{zone}.log"),
    benchmark:
        result("benchmarks/evidence/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(45),
    params:
        baseline=1,
    message:
        "Evidence of the changes of zone {wildcards.zone}"
    script:
        "../../scripts/evidence.py"
