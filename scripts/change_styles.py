"""Rule change_styles: QGIS styles of the layers of change."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.styles import write_styles

    write_styles(snakemake.output.folder)
