"""Rule classify: the land cover of one acquisition."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.sentinel2.landcover import classify

    classify(
        scene=snakemake.input.scene,
        model=snakemake.input.model,
        target=snakemake.output.landcover,
        settings=snakemake.params.settings,
        patch_stride=snakemake.params.patch_stride,
        device=snakemake.params.device,
        engine=snakemake.params.engine,
        test_time_flips=snakemake.params.test_time_flips,
        threads=snakemake.threads,
        baseline=snakemake.params.baseline,
    )
