"""Stage 7. Figures of the run (report/summary.json), a map per zone (report/map_{zone}.png), and the indicators an
authority reports (report/indicators.json, .csv).
"""


rule report:
    """Figures of the run, indicators, and for each zone a map of the found changes over the newest imagery."""
    input:
        scenes=[scene for zone in ZONES for scene in newest_scenes(zone)],
        grids=per_zone("grid/{zone}.h5"),
        events=per_zone("change/{zone}.gpkg"),
        changes=per_zone("change/{zone}.h5"),
        halves=per_zone("half/{zone}/{half}.h5", half=HALVES),
        months=per_zone("inventory/{zone}/{month}.json", month=MONTHS),
        sheets=config["orthophoto"]["sheets"],
        outlines=outlines,
        area=config["area_of_interest"],
        registers=[source["path"] for source in REPORTED_REGISTERS.values()],
        population=config["indicators"]["population"] or [],
        statement=config["indicators"]["statement"] or [],
    output:
        figures=result("report/summary.json"),
        indicators=result("report/indicators.json"),
        indicator_table=result("report/indicators.csv"),
        maps=expand(result("report/map_{zone}.png"), zone=ZONES),
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
        baseline=4,
        scenes=INVENTORY.scenes,
        months=len(MONTHS) * len(ZONES),
        halves=len(HALVES) * len(ZONES),
        registers=REPORTED_REGISTERS,
        sealed_land_use=config["indicators"]["sealed_land_use"],
        rule={
            key: CHANGE_RULE[key] for key in ("first_state", "persistence", "min_rise")
        },
        unclear_scl=config["sentinel2"]["unclear_scl"],
        attribution=config["attribution"],
        title=config["services"]["title"],
    message:
        "Figures, indicators and maps of the run"
    script:
        "../../scripts/report.py"
