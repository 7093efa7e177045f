"""Stage 3. landcover -> mosaic/{zone}/{date}_{platform}.h5 -> month/{zone}/{month}.h5 -> half/{zone}/{half}.h5,
a STAC item beside each, half-years as cog/{zone}/{half}_*.tif, stac/catalog.json over all items, and spacetime/{zone}.tar.gz,
the GRASS datasets over the same files.

What is always made together is one job: a new scene brings few of them.
"""

STAC_CATALOGUE = result("stac/catalog.json")


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
        item=result("mosaic/{zone}/{date}_{platform}.json"),
    log:
        result("logs/mosaic/{zone}_{date}_{platform}.log"),
    benchmark:
        result("benchmarks/mosaic/{zone}_{date}_{platform}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(2000),
        runtime=grows(10),
    params:
        baseline=2,
        catalogue=STAC_CATALOGUE,
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
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        baseline=2,
        catalogue=STAC_CATALOGUE,
        method=config["composites"]["method"],
        min_confidence=config["composites"]["min_confidence"],
        majority_px=config["composites"]["majority_px"],
        period=lambda w: month_span(w.month),
    message:
        "Composite of {wildcards.month}"
    script:
        "../../scripts/month.py"


rule half:
    """Composite of a half-year from its months, with its cloud-optimised GeoTIFFs and STAC item."""
    input:
        months=lambda w: [result(f"month/{w.zone}/{m}.h5") for m in parts_of(w.half)],
        grid=result("grid/{zone}.h5"),
    output:
        map=result("half/{zone}/{half}.h5"),
        land_cover=result("cog/{zone}/{half}_class.tif"),
        confidence=result("cog/{zone}/{half}_confidence.tif"),
        item=result("half/{zone}/{half}.json"),
    log:
        result("logs/half/{zone}_{half}.log"),
    benchmark:
        result("benchmarks/half/{zone}_{half}.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        baseline=2,
        catalogue=STAC_CATALOGUE,
        method=config["composites"]["method"],
        period=lambda w: (
            max(keys.half_span(w.half)[0], PERIOD["start"]),
            min(keys.half_span(w.half)[1], PERIOD["end"]),
        ),
    message:
        "Composite of {wildcards.half}"
    script:
        "../../scripts/half.py"


rule stac_catalogue:
    """Static STAC catalogue with the collections dates, months, halves and change; items stay beside their maps."""
    input:
        dates=[
            result(f"mosaic/{zone}/{date}_{platform}.json")
            for zone in ZONES
            for date, platform in INVENTORY.mosaics(zone)
        ],
        months=per_zone("month/{zone}/{month}.json", month=MONTHS),
        halves=per_zone("half/{zone}/{half}.json", half=HALVES),
        change=per_zone("change/{zone}.json"),
    output:
        catalogue=STAC_CATALOGUE,
        collections=expand(
            result("stac/{collection}/collection.json"),
            collection=["dates", "months", "halves", "change"],
        ),
    log:
        result("logs/stac_catalogue.log"),
    benchmark:
        result("benchmarks/stac_catalogue.tsv")
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=grows(1000),
        runtime=grows(10),
    params:
        baseline=1,
        project=lambda w: config["project"],  # no path, though it may be the beginning of one
        attribution=config["attribution"],
    message:
        "STAC catalogue"
    script:
        "../../scripts/stac_catalogue.py"


rule spacetime:
    """GRASS space-time raster datasets of dates, months, half-years and their reclassification, in one archive."""
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
        mem_mb=grows(2000),
        runtime=grows(60),
    params:
        baseline=3,
        pack=config["spacetime"]["pack"],
    message:
        "GRASS space-time raster datasets of zone {wildcards.zone}"
    script:
        "../../scripts/spacetime.py"
