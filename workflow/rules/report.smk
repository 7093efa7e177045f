"""Stage 7. Figures of the run (report/summary.json), a map per zone (report/map_{zone}.png), the indicators an authority
reports (report/indicators.json, .csv), the feed of alerts and changes (feed/), and the report page (report/index.html), which
shows them with the events, tables, data gaps and the provenance of every layer.
"""


rule report:
    """Figures, indicators, a map of each zone over the newest imagery, the feed, and the page that shows them."""
    input:
        scenes=[scene for zone in ZONES for scene in newest_scenes(zone)],
        land_cover=[
            scene for zone in ZONES for scene in newest_scenes(zone, stage="landcover")
        ],
        mosaics=[
            result(f"mosaic/{zone}/{d}_{p}.h5")
            for zone in ZONES
            for d, p in INVENTORY.mosaics(zone)[-1:]
        ],
        grids=per_zone("grid/{zone}.h5"),
        events=per_zone("change/{zone}.gpkg"),
        changes=per_zone("change/{zone}.h5"),
        evidence=per_zone("change/{zone}_evidence.gpkg"),
        halves=per_zone("half/{zone}/{half}.h5", half=HALVES),
        composites=per_zone("month/{zone}/{month}.h5", month=MONTHS),
        months=per_zone("inventory/{zone}/{month}.json", month=MONTHS),
        area=config["area_of_interest"],
        sheets=config["orthophoto"]["sheets"],
        outlines=outlines,
        segmentations=segmentations,
        pictures=review_folders,
        enriched=settled(lambda w: result("publish/enrich.json")),
        registers=[source["path"] for source in REPORTED_REGISTERS.values()],
        population=config["indicators"]["population"] or [],
        statement=config["indicators"]["statement"] or [],
    output:
        page=report(
            result("report/index.html"),
            caption="../report/page.rst",
            category="Report",
        ),
        figures=report(
            result("report/summary.json"),
            caption="../report/summary.rst",
            category="Report",
        ),
        maps=report(
            expand(result("report/map_{zone}.png"), zone=ZONES),
            caption="../report/map.rst",
            category="Maps",
        ),
        geojson=result("feed/alerts.geojson"),
        atom=result("feed/alerts.atom"),
        maproulette=result("feed/maproulette.geojsonl"),
        indicators=result("report/indicators.json"),
        indicator_table=result("report/indicators.csv"),
    log:
        result("logs/report.log"),
    benchmark:
        result("benchmarks/report.tsv")
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        baseline=6,
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
        about=about(config),
        facts={
            "project": config["project"],
            "licence": config["services"]["licence"],
            "period": (PERIOD["start"], PERIOD["end"]),
            "srid": config["database"]["srid"],
            "most_events": config["report"]["events"],
        },
        settings=settings.shaping(config),
        registries={
            name: source.get("kind", "objects")
            for name, source in config["registries"].items()
        },
        # Not the file: what it says of the last refresh is no news.
        rejected=lambda w: rejections.rejected_by_tile(result("catalogue/report.json")),
        database=config["database"],
    message:
        "Figures, indicators, maps, feed and page of the run"
    script:
        "../../scripts/report.py"
