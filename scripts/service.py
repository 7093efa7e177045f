"""Rule service: view of the current release and its mapfile."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.publish.mapserver import make_service

    make_service(snakemake.output.mapfile, snakemake.params.services, snakemake.params.database)
