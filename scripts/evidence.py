"""Rule evidence: which scenes voted what at the cells of events and alerts."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.change.evidence import collect_evidence

    collect_evidence(
        layers=snakemake.input.layers,
        mosaics=snakemake.input.get("mosaics", []),
        months=snakemake.input.months,
        halves=snakemake.input.halves,
        target=snakemake.output.table,
    )
