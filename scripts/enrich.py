"""Rule enrich: distances to the registries."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.publish.enrich import enrich

    enrich(snakemake.output.state, snakemake.params.database)
