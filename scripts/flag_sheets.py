"""Rule flag_sheets: which orthophotos lie under confirmed change."""

from sealwatch.jobs import logged

with logged(snakemake.log[0]):
    from sealwatch.orthophoto.flags import flag_sheets

    flag_sheets(changes=snakemake.input.changes, index=snakemake.input.index, target=snakemake.output.flags)
