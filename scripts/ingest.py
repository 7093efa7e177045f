"""Rule ingest: one acquisition from COG windows to HDF5."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.sentinel2.acquisition import ingest

    reading = snakemake.config["sentinel2"]
    ingest(
        record=snakemake.input.record,
        zone_grid=snakemake.input.grid,
        target=snakemake.output.scene,
        bands=snakemake.params.bands,
        signing=snakemake.params.signing,
        baseline=snakemake.params.baseline,
        # Not in params: these change how, not what is read, so a change must not redo scenes.
        **{key: reading[key] for key in ("read_threads", "requests_in_flight", "max_retries")},
    )
