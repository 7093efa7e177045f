"""Rule month: composite of a month from its mosaics, with its STAC item."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.composite import composite
    from sealwatch.composites.stac import write_item

    composite(
        sources=snakemake.input.mosaics,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.map,
        step="month",
        method=snakemake.params.method,
        period=snakemake.params.period,
        baseline=snakemake.params.baseline,
        min_confidence=snakemake.params.min_confidence,
        majority_px=snakemake.params.majority_px,
    )
    write_item(
        snakemake.output.map,
        snakemake.output.item,
        "months",
        f"{snakemake.wildcards.zone}-{snakemake.wildcards.month}",
        snakemake.params.catalogue,
    )
