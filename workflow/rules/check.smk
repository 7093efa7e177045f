"""Beside stage 4. month, half and change of a zone, done again by GRASS on a sample -> check/{zone}.json."""

CHECK = config["check"]


def newest(periods):
    """The periods whose composites are checked, newest first."""
    return periods[::-1][: CHECK["sample_periods"]]


def checked_months(zone):
    """Months with scenes whose composites are checked; without any, the newest empty one."""
    return newest([m for m in MONTHS if mosaics_of(zone, m)] or MONTHS)


def checked_halves(zone):
    """The same for half-years."""
    seen = [h for h in HALVES if any(mosaics_of(zone, m) for m in keys.months_of(h))]
    return newest(seen or HALVES)


def parts_of(half):
    """Months of a half-year within the period."""
    return [m for m in keys.months_of(half) if m in MONTHS]


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
        mem_mb=2000,
        runtime=60,
    params:
        baseline=1,
        results=RESULTS,
        months=lambda w: {m: mosaics_of(w.zone, m) for m in checked_months(w.zone)},
        halves=lambda w: {h: parts_of(h) for h in checked_halves(w.zone)},
        composites=config["composites"],
        rule={
            key: config["change"][key]
            for key in ("persistence", "max_gap", "first_state")
            if key in config["change"]
        },
        sample_cells=CHECK["sample_cells"],
    message:
        "GRASS checks zone {wildcards.zone}"
    script:
        "../../scripts/check_grass.py"
