"""Rule prepare_sheet: features of one orthophoto."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.features import prepare_sheet
    from sealwatch.orthophoto.sheets import find_sheet, read_footprints

    index = snakemake.input.index
    sheet = find_sheet(index, snakemake.wildcards.sheet, snakemake.wildcards.year)
    prepare_sheet(
        raster=snakemake.input.raster,
        target=snakemake.output.features,
        window_px=snakemake.params.window_px,
        baseline=snakemake.params.baseline,
        bands=snakemake.params.bands,
        value_range=snakemake.params.value_range,
        epsg=snakemake.params.epsg,
        footprint=read_footprints(index, sheet).geometry,
    )
