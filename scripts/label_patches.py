"""Rule label_patches: patches of the user's own scenes under labels."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.classifier.local_patches import label_patches

    label_patches(
        labels=snakemake.input.labels,
        scenes=snakemake.input.scenes,
        bands=snakemake.params.bands,
        clear=snakemake.params.clear_ground,
        target=snakemake.output.patches,
        baseline=snakemake.params.baseline,
    )
