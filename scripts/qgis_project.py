"""Rule qgis_project: the QGIS project for reviewers."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.publish.qgis.project import write_project

    write_project(
        target=snakemake.output.project,
        folder=snakemake.output.folder,
        pictures=snakemake.input.pictures,
        changes=snakemake.input.changes,
        registries=snakemake.params.registries,
        halves=snakemake.params.halves,
        database=snakemake.params.database,
        title=snakemake.params.title,
        pg_service=snakemake.params.pg_service,
    )
