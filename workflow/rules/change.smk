"""Stage 4. half/{zone}/{half}.h5 -> change/{zone}.h5 and change/{zone}.gpkg: confirmed and provisional transitions."""


rule change:
    """Transitions to impervious classes that persist, and alerts that do not yet."""
    input:
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
    output:
        cells=result("change/{zone}.h5"),
        events=result("change/{zone}.gpkg"),
    log:
        result("logs/change/{zone}.log"),
    benchmark:
        result("benchmarks/change/{zone}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        baseline=1,
        persistence=config["change"]["persistence"],
        max_gap=config["change"]["max_gap"],
    message:
        "Changes of zone {wildcards.zone}"
    script:
        "../../scripts/change.py"
