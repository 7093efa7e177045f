"""Rule train_classifier: the land-cover network from labelled patches."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.classifier.train import train

    train(
        patches=snakemake.params.patches,
        outputs=dict(snakemake.output.items()),
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        local_patches=snakemake.input.get("local") or None,
    )
