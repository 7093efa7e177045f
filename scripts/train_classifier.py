"""Rule train_classifier: the land-cover network from labelled patches."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.classifier.train import train

    train(
        patches=snakemake.params.patches,
        model=snakemake.output.model,
        card_json=snakemake.output.card,
        card_markdown=snakemake.output.card_text,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
    )
