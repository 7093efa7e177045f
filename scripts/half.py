"""Rule half: composite of a half-year from its months."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.composites.composite import composite

    composite(
        sources=snakemake.input.months,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.map,
        step="half",
        method=snakemake.params.method,
        period=snakemake.params.period,
        baseline=snakemake.params.baseline,
    )
