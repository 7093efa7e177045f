"""Stage 3. landcover -> mosaic/{zone}/{date}_{platform}.h5 -> month/{zone}/{month}.h5 -> half/{zone}/{half}.h5,
with a STAC item beside each composite, and spacetime/{zone}.tar.gz, the GRASS datasets over the same files.
"""


rule mosaic:
    """All tiles of one satellite and date on the zone's grid."""
    input:
        landcover=lambda w: [
            result(f"landcover/{tile}/{w.date}_{w.platform}.h5")
            for tile in INVENTORY.tiles_of_mosaic.get((w.zone, w.date, w.platform), [])
        ],
        members=inventoried("inventory/{zone}/{date}_{platform}.json"),
        grid=result("grid/{zone}.h5"),
    output:
        map=result("mosaic/{zone}/{date}_{platform}.h5"),
    log:
        result("logs/mosaic/{zone}_{date}_{platform}.log"),
    benchmark:
        result("benchmarks/mosaic/{zone}_{date}_{platform}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        baseline=1,
    message:
        "Mosaic of {wildcards.date} {wildcards.platform}"
    script:
        "../../scripts/mosaic.py"


rule month:
    """Composite of one month; a month without scenes gives an explicitly empty map."""
    input:
        mosaics=lambda w: [
            result(f"mosaic/{w.zone}/{m}.h5") for m in mosaics_of(w.zone, w.month)
        ],
        members=inventoried("inventory/{zone}/{month}.json"),
        grid=result("grid/{zone}.h5"),
    output:
        map=result("month/{zone}/{month}.h5"),
        item=result("month/{zone}/{month}.json"),
    log:
        result("logs/month/{zone}_{month}.log"),
    benchmark:
        result("benchmarks/month/{zone}_{month}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        baseline=1,
        method=config["composites"]["method"],
        period=lambda w: month_span(w.month),
    message:
        "Composite of {wildcards.month}"
    script:
        "../../scripts/month.py"


rule half:
    """Composite of a half-year from its months."""
    input:
        months=lambda w: [
            result(f"month/{w.zone}/{m}.h5")
            for m in keys.months_of(w.half)
            if m in MONTHS
        ],
        grid=result("grid/{zone}.h5"),
    output:
        map=result("half/{zone}/{half}.h5"),
        item=result("half/{zone}/{half}.json"),
    log:
        result("logs/half/{zone}_{half}.log"),
    benchmark:
        result("benchmarks/half/{zone}_{half}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        baseline=1,
        method=config["composites"]["method"],
        period=lambda w: (
            max(keys.half_span(w.half)[0], PERIOD["start"]),
            min(keys.half_span(w.half)[1], PERIOD["end"]),
        ),
    message:
        "Composite of {wildcards.half}"
    script:
        "../../scripts/half.py"


rule spacetime:
    """GRASS space-time raster datasets of dates, months and half-years, packed in one archive."""
    input:
        dates=lambda w: [
            result(f"mosaic/{w.zone}/{d}_{p}.h5") for d, p in INVENTORY.mosaics(w.zone)
        ],
        months=expand(result("month/{{zone}}/{month}.h5"), month=MONTHS),
        halves=expand(result("half/{{zone}}/{half}.h5"), half=HALVES),
    output:
        archive=result("spacetime/{zone}.tar.gz"),
    log:
        result("logs/spacetime/{zone}.log"),
    benchmark:
        result("benchmarks/spacetime/{zone}.tsv")
    conda:
        "../../envs/grass.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        baseline=1,
    message:
        "GRASS space-time raster datasets of zone {wildcards.zone}"
    script:
        "../../scripts/spacetime.py"
