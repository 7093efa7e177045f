"""Rule outline: polygons of newly sealed land on one flagged orthophoto."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.outline import outline_sheet

    outline_sheet(
        flag=snakemake.input.flag,
        segmentation=snakemake.input.segmentation,
        earlier=snakemake.input.earlier or None,
        reference=snakemake.input.reference or None,
        target=snakemake.output.polygons,
        settings=snakemake.params.settings,
    )
