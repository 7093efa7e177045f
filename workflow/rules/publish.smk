"""Stage 6. outline/{sheet}_{year}.gpkg -> PostGIS -> publish/sealwatch.map: candidates, distances, the public service.

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
    output:
        state=result("publish/load.json"),
    log:
        result("logs/publish/load.log"),
    benchmark:
        result("benchmarks/publish/load.tsv")
    conda:
        "../../envs/services.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
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
        mem_mb=4000,
        runtime=120,
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
        outlines=result("publish/load.json"),
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
        mem_mb=2000,
        runtime=60,
    params:
        baseline=2,
        database=config["database"],
    message:
        "Measuring polygons against the registries"
    script:
        "../../scripts/enrich.py"


rule service:
    """The public views and the mapfile that serves the current release."""
    input:
        state=result("publish/enrich.json"),
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
        mem_mb=500,
        runtime=5,
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
        mem_mb=2000,
        runtime=30,
    params:
        folder=result("release"),
        mapfile=result("publish/sealwatch.map"),
        database=config["database"],
        services=config["services"],
    message:
        "Making a release of the accepted polygons"
    script:
        "../../scripts/release.py"
