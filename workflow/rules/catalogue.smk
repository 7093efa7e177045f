"""Stage 1. STAC catalogue -> inventory/{tile}/{date}_{platform}.json, one small file per acquisition.

`snakemake catalogue` is run before the others: the inventory is read when the workflow is parsed, so a dry run
afterwards is exact.
"""


localrules:
    catalogue,


rule catalogue:
    """Search the catalogue and write the records that changed.

    No output and no benchmark file, which would count as one: the rule runs each time it is asked for.
    """
    log:
        result("logs/catalogue.log"),
    conda:
        "../../envs/base.yaml"
    params:
        settings=config["catalogue"],
        bands=config["sentinel2"]["bands"],
        period=PERIOD,
        area=config["area_of_interest"],
        folder=RESULTS,
    message:
        "Refreshing the inventory from {params.settings[url]}"
    script:
        "../../scripts/catalogue.py"
