"""Rule load: all outlined polygons into PostGIS."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.publish.load import load

    load(snakemake.input.outlines, snakemake.output.state, snakemake.params.database, snakemake.params.review)
