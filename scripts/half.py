"""Rule half: composite of a half-year from its months, its copies for the web and its STAC item."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.cog import half_assets, half_cogs
    from sealwatch.composites.composite import composite
    from sealwatch.composites.stac import write_item

    composite(
        sources=snakemake.input.months,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.map,
        step="half",
        method=snakemake.params.method,
        period=snakemake.params.period,
        baseline=snakemake.params.baseline,
    )
    copies = (snakemake.output.land_cover, snakemake.output.confidence)
    half_cogs(snakemake.output.map, *copies)
    write_item(
        snakemake.output.map,
        snakemake.output.item,
        "halves",
        f"{snakemake.wildcards.zone}-{snakemake.wildcards.half}",
        snakemake.params.catalogue,
        half_assets(*copies),
    )
