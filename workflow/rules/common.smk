"""Names shared by all rule files: where products lie, and what the inventory holds."""

RESULTS = config["results"].rstrip("/")
TILES = sorted(config["catalogue"]["tiles"])
ZONES = sorted({keys.zone_of_tile(tile) for tile in TILES})
PERIOD = config["period"]
MONTHS = keys.month_range(PERIOD["start"], PERIOD["end"])
HALVES = keys.half_range(PERIOD["start"], PERIOD["end"])
INVENTORY = inventory.read_inventory(
    f"{RESULTS}/inventory", TILES, PERIOD["start"], PERIOD["end"]
)


def result(path):
    """Path of a product below the results folder; wildcards in braces stay wildcards."""
    return f"{RESULTS}/{path}"


def inventoried(path):
    """Input function for a file of the inventory, which only `snakemake catalogue` writes."""

    def find(wildcards):
        found = result(path).format(**wildcards)
        if not os.path.exists(found):
            raise WorkflowError(
                f"{found} is not in the inventory; run first: snakemake catalogue"
            )
        return found

    return find


wildcard_constraints:
    **keys.WILDCARD_CONSTRAINTS,
