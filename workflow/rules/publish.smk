"""Stage 6. outline/{sheet}_{year}.gpkg -> PostGIS -> publish/sealwatch.map: candidates, distances, the public service;
beside it review/{sheet}_{year}/ -> publish/review.qgs: pictures and the QGIS project for reviewers.

The JSON files stand for the state of the database: they hold counts and digests. `snakemake release` is run by a
person after the review; it has no output and makes a release only when the accepted polygons differ.
"""


localrules:
    service,
    release,


rule load:
    """All outlined polygons into PostGIS, keyed by their ids."""
    input:
        outlines=outlines,
        flagged=flagged_list,
    output:
        state=result("publish/load.json"),
    log:
        result("logs/publish/load.log"),
    benchmark:
        result("benchmarks/publish/load.tsv")
    conda:
        "../../envs/services.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        baseline=2,
        database=config["database"],
        review=config["review"],
    message:
        "Loading outlines into the database"
    script:
        "../../scripts/load.py"


rule registries:
    """Registries into PostGIS, where their digest changed."""
    input:
        sources=[source["path"] for source in config["registries"].values()],
    output:
        state=result("publish/registries.json"),
    log:
        result("logs/publish/registries.log"),
    benchmark:
        result("benchmarks/publish/registries.tsv")
    conda:
        "../../envs/services.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(120),
    params:
        baseline=2,
        registries=config["registries"],
        database=config["database"],
    message:
        "Loading registries into the database"
    script:
        "../../scripts/registries.py"


rule enrich:
    """Distance and overlap of every polygon with each registry, land use before, municipality; copies for small scales."""
    input:
        outlines=settled(lambda w: result("publish/load.json")),
        registries=result("publish/registries.json"),
    output:
        state=result("publish/enrich.json"),
    log:
        result("logs/publish/enrich.log"),
    benchmark:
        result("benchmarks/publish/enrich.tsv")
    conda:
        "../../envs/services.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        baseline=2,
        database=config["database"],
    message:
        "Measuring polygons against the registries"
    script:
        "../../scripts/enrich.py"


rule review_imagery:
    """Sentinel-2 and orthophoto before and after the changes of one flagged sheet, for reviewers.

    Only dates that may be shown are inputs, of half-years that are no longer being filled (see `review_scenes`), so
    that a new scene leaves the pictures alone.
    """
    input:
        # Not the whole flag: another confidence of an event changes no picture.
        shown=shown_of,
        before=scenes_to_review("before"),
        after=scenes_to_review("after"),
        members=months_to_review,
        rasters=lambda w: ancient([flight["raster"] for flight in flights_of(w)]),
        # For the footprint only: another row must not make this sheet anew.
        index=ancient(ORTHOPHOTO["sheets"]),
    output:
        folder=directory(result("review/{sheet}_{year}")),
    log:
        result("logs/review_imagery/{sheet}_{year}.log"),
    benchmark:
        result("benchmarks/review_imagery/{sheet}_{year}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        baseline=1,
        unclear_scl=config["sentinel2"]["unclear_scl"],
        flights=flights_of,
        value_range=ORTHOPHOTO["value_range"],
    message:
        "Pictures for the review of sheet {wildcards.sheet} {wildcards.year}"
    script:
        "../../scripts/review_imagery.py"


rule qgis_project:
    """The QGIS project for reviewers: forms on the database, pictures before and after, transition plots."""
    input:
        pictures=review_folders,
        flagged=flagged_list,
        changes=settled(per_zone("change/{zone}.gpkg")),
    output:
        project=result("publish/review.qgs"),
        folder=directory(result("publish/qgis")),
    log:
        result("logs/publish/qgis_project.log"),
    benchmark:
        result("benchmarks/publish/qgis_project.tsv")
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        baseline=1,
        registries=list(config["registries"]),
        halves=HALVES,
        database={key: config["database"][key] for key in ("schema", "srid")},
        title=config["services"]["title"],
        pg_service=config["qgis"]["pg_service"],
    message:
        "Writing the QGIS project for reviewers"
    script:
        "../../scripts/qgis_project.py"


rule service:
    """The public views and the mapfile that serves the current release."""
    input:
        state=settled(lambda w: result("publish/enrich.json")),
    output:
        mapfile=result("publish/sealwatch.map"),
        current=result("publish/sealwatch.release.json"),
    log:
        result("logs/publish/service.log"),
    benchmark:
        result("benchmarks/publish/service.tsv")
    conda:
        "../../envs/services.yaml"
    resources:
        mem_mb=grows(500),
        runtime=grows(5),
    params:
        baseline=1,
        services=config["services"],
        database=config["database"],
    message:
        "Writing the definition of the public service"
    script:
        "../../scripts/service.py"


rule release:
    """Freeze the accepted polygons as the next numbered release; run explicitly.

    No output and no benchmark file, which would count as one: the rule runs each time it is asked for. No input
    either: a release takes what the database holds and never sets off a run of the stages before it.
    """
    log:
        result("logs/publish/release.log"),
    conda:
        "../../envs/services.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        folder=result("release"),
        mapfile=result("publish/sealwatch.map"),
        database=config["database"],
        services=config["services"],
    message:
        "Making a release of the accepted polygons"
    script:
        "../../scripts/release.py"
