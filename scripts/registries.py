"""Rule registries: registries into PostGIS, where their digest changed."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.publish.registries import load_registries

    load_registries(snakemake.params.registries, snakemake.output.state, snakemake.params.database)
