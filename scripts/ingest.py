"""Rule ingest: one acquisition from COG windows to HDF5."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.sentinel2.acquisition import ingest

    ingest(
        record=snakemake.input.record,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.scene,
        bands=snakemake.params.bands,
        signing=snakemake.params.signing,
        # Not in params: these change how, not what is read, so a change must not redo scenes.
        read_threads=snakemake.config["sentinel2"]["read_threads"],
        max_retries=snakemake.config["sentinel2"]["max_retries"],
        baseline=snakemake.params.baseline,
    )
