"""Rule train_forest: the random forest and its model card."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.training import train_forest

    train_forest(
        tables=snakemake.input.tables,
        model=snakemake.output.model,
        card=snakemake.output.card,
        card_text=snakemake.output.card_text,
        settings=snakemake.params.settings,
        baseline=snakemake.params.baseline,
        threads=snakemake.threads,
    )
