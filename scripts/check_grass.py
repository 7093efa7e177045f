"""Rule check_grass: composites and the change rule again in GRASS."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.check import check_zone, composites_of

    check_zone(
        zone=snakemake.wildcards.zone,
        zone_grid=snakemake.input.grid,
        composites=composites_of(
            snakemake.params.results,
            snakemake.wildcards.zone,
            snakemake.params.months,
            snakemake.params.halves,
            **snakemake.params.composites,
        ),
        halves=snakemake.input.halves,
        change=snakemake.input.change,
        rule=snakemake.params.rule,
        sample_cells=snakemake.params.sample_cells,
        target=snakemake.output.report,
    )
