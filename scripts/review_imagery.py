"""Rule review_imagery: what a reviewer compares on one flagged orthophoto."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.sheets import find_sheet, read_footprints
    from sealwatch.publish.imagery import write_review_images

    index = snakemake.input.index
    sheet = find_sheet(index, snakemake.wildcards.sheet, snakemake.wildcards.year)
    write_review_images(
        target=snakemake.output.folder,
        footprint=read_footprints(index, sheet).geometry,
        before=snakemake.input.before,
        after=snakemake.input.after,
        unclear_scl=snakemake.params.unclear_scl,
        flights=snakemake.params.flights,
        value_range=snakemake.params.value_range,
    )
