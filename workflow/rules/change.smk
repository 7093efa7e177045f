"""Stage 4. half/{zone}/{half}.h5 and month/{zone}/{month}.h5 -> change/{zone}.h5 and change/{zone}.gpkg: confirmed
transitions, their sites, and provisional alerts.
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
    """Transitions to impervious classes that persist, and alerts that do not yet."""
    input:
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
        months=expand(result("month/{{zone}}/{month}.h5"), month=MONTHS),
    output:
        cells=result("change/{zone}.h5"),
        layers=result("change/{zone}.gpkg"),
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
        rule=CHANGE_RULE,
    message:
        "Changes of zone {wildcards.zone}"
    script:
        "../../scripts/change.py"


rule change_geoparquet:
    """The layers of change as GeoParquet."""
    input:
        layers=result("change/{zone}.gpkg"),
    output:
        events=result("change/{zone}_events.parquet"),
        sites=result("change/{zone}_sites.parquet"),
        alerts=result("change/{zone}_alerts.parquet"),
    log:
        result("logs/change_geoparquet/{zone}.log"),
    benchmark:
        result("benchmarks/change_geoparquet/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(10),
    params:
        baseline=1,
    message:
        "GeoParquet of the changes of zone {wildcards.zone}"
    script:
        "../../scripts/change_geoparquet.py"


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
    """Which scenes voted what at the cells of events and alerts."""
    input:
        layers=result("change/{zone}.gpkg"),
        mosaics=lambda w: [
            result(f"mosaic/{w.zone}/{d}_{p}.h5") for d, p in INVENTORY.mosaics(w.zone)
        ],
        months=expand(result("month/{{zone}}/{month}.h5"), month=MONTHS),
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
    output:
        table=result("change/{zone}_evidence.gpkg"),
    log:
        result("logs/evidence/{zone}.log"),
    benchmark:
        result("benchmarks/evidence/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        baseline=1,
    message:
        "Evidence of the changes of zone {wildcards.zone}"
    script:
        "../../scripts/evidence.py"


rule transition_plots:
    """A plot of land cover over time for each site."""
    input:
        layers=result("change/{zone}.gpkg"),
        months=expand(result("month/{{zone}}/{month}.h5"), month=MONTHS),
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
    output:
        folder=directory(result("change/{zone}_plots")),
    log:
        result("logs/transition_plots/{zone}.log"),
    benchmark:
        result("benchmarks/transition_plots/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        baseline=1,
    message:
        "Transition plots of zone {wildcards.zone}"
    script:
        "../../scripts/transition_plots.py"
