"""Rule change: transitions to impervious classes that persist, and alerts that do not yet."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.events import ChangeRule, detect_change

    detect_change(
        halves=snakemake.input.halves,
        months=snakemake.input.months,
        zone=snakemake.wildcards.zone,
        rule=ChangeRule(**snakemake.params.rule),
        target=snakemake.output.cells,
        layers_target=snakemake.output.layers,
        baseline=snakemake.params.baseline,
    )
