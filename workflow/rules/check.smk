"""Beside stage 4. month, half and change of a zone, done again by GRASS on a sample -> check/{zone}.json."""


rule check_grass:
    """Composites and the change rule again in GRASS on a sample; any difference stops with file and cell."""
    input:
        grid=result("grid/{zone}.h5"),
        mosaics=lambda w: [
            result(f"mosaic/{w.zone}/{name}.h5")
            for month in checked_months(w.zone)
            for name in mosaics_of(w.zone, month)
        ],
        months=lambda w: [
            result(f"month/{w.zone}/{month}.h5")
            for month in sorted(
                {
                    *checked_months(w.zone),
                    *(m for half in checked_halves(w.zone) for m in parts_of(half)),
                }
            )
        ],
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
        change=result("change/{zone}.h5"),
    output:
        report=result("check/{zone}.json"),
    log:
        result("logs/check_grass/{zone}.log"),
    benchmark:
        result("benchmarks/check_grass/{zone}.tsv")
    conda:
        "../../envs/grass.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        baseline=1,
        results=lambda w, input: os.path.dirname(os.path.dirname(input.grid)),
        months=lambda w: {m: mosaics_of(w.zone, m) for m in checked_months(w.zone)},
        halves=lambda w: {h: parts_of(h) for h in checked_halves(w.zone)},
        composites=config["composites"],
        rule={
            key: config["change"][key]
            for key in ("persistence", "max_gap", "first_state")
        },
        sample_cells=CHECK["sample_cells"],
    message:
        "GRASS checks zone {wildcards.zone}"
    script:
        "../../scripts/check_grass.py"
