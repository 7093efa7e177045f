"""Names and input functions of the rule files, in the order of the pipeline."""

from contextlib import contextmanager
from inspect import signature

RESULTS = config["results"].rstrip("/")
TILES = inventory.known_tiles(config["catalogue"]["tiles"], f"{RESULTS}/inventory")
ZONES = sorted({keys.zone_of_tile(tile) for tile in TILES})
PERIOD = config["period"]
CLEAR_GROUND = {
    key: config["sentinel2"][key]
    for key in ("min_clear_fraction", "unclear_scl", "cloud_dilation_m")
}
ORTHOPHOTO = config["orthophoto"]
REPORTED_REGISTERS = {
    name: source
    for name, source in config["registries"].items()
    if source.get("kind") in ("municipality", "land_use")
}
MONTHS = keys.month_range(PERIOD["start"], PERIOD["end"])
HALVES = keys.half_range(PERIOD["start"], PERIOD["end"])
INVENTORY = inventory.read_inventory(
    f"{RESULTS}/inventory",
    TILES,
    PERIOD["start"],
    PERIOD["end"],
    config["catalogue"]["exclude_months"],
)


@contextmanager
def plain_errors():
    """Errors of the library as one message of Snakemake, without a traceback."""
    try:
        yield
    except SealwatchError as error:
        raise WorkflowError(str(error)) from None


def result(path):
    """Path of a product below the results folder; wildcards in braces stay wildcards."""
    return f"{RESULTS}/{path}"


def grows(amount):
    """Resource (MB, minutes) that doubles with each further attempt at a job, where the profile sets `retries`."""

    def needed(wildcards, attempt):
        return amount * 2 ** (attempt - 1)

    # Snakemake asks for the signature at every job.
    needed.__signature__ = signature(needed)
    return needed


def per_zone(path, **wildcards):
    """Input function for a file of each zone; says what to run where the tiles are not known yet."""

    def find(_):
        if not ZONES:
            raise WorkflowError(
                "the tiles of the area are not known yet; run first: snakemake catalogue"
            )
        return expand(result(path), zone=ZONES, **wildcards)

    return find


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


def classifier_model():
    """Model file that the scenes are classified with: the configured one, or the one trained here."""
    if config["classifier"]["model"]:
        return config["classifier"]["model"]
    ending = {"fp32": ".onnx", "int8": ".int8.onnx"}[config["classifier"]["precision"]]
    return result(f"models/landcover{ending}")


def downloaded_patches():
    """Index of EuroSAT, where the network is trained on it."""
    own = config["classifier"]["model"] or config["classifier"]["patches"]
    return [] if own else result("eurosat/index.csv")


def network_to_train():
    """Settings of the network that is trained here, or None."""
    if config["classifier"]["model"]:
        return None
    return {key: config["classifier"][key] for key in ("backbone", "bands", "weights")}


def labelled_scenes():
    """Acquisitions that carry labels for the local adaptation of the network."""
    with plain_errors():
        scenes = local_labels.labelled_scenes(config["classifier"]["local_labels"])
    return [result(f"acquisition/{scene}.h5") for scene in scenes]


def month_span(month):
    """First and last day of a month within the period."""
    days = keys.days_of_month(month)
    return max(days[0], PERIOD["start"]), min(days[1], PERIOD["end"])


def mosaics_of(zone, month):
    """Names of the mosaics of a month."""
    return [f"{d}_{p}" for d, p in INVENTORY.mosaics_of_month.get((zone, month), [])]


def flags_folder():
    """Folder of the checkpoint's flags; with it an input function waits until the checkpoint has run.

    Until then its job depends on the folder but is not counted as work where the folder stands from an earlier run:
    most scenes leave all flags as they are. Snakemake looks at it again when the checkpoint has run.
    """
    try:
        folder = checkpoints.flag_sheets.get().output.flags
    except IncompleteCheckpointException as waiting:
        ancient(waiting.targetfile)
        raise
    if not os.path.exists(f"{folder}/{FLAGGED}"):
        raise WorkflowError(
            f"{folder} was written by an earlier version; write it anew: snakemake --forcerun flag_sheets"
        )
    return folder


def flagged_sheets():
    """Keys of the orthophotos under confirmed change, known once the checkpoint has run."""
    return sorted(path.stem for path in Path(flags_folder()).glob("*.json"))


def flagged_list(wildcards):
    """The list of the flagged orthophotos, by whose age it is seen that one is flagged no more."""
    return f"{flags_folder()}/{FLAGGED}"


def settled(find):
    """Input function `find`, looked at once the checkpoint has run: then the same bytes again are no work.

    A job that ran before it would not run again in the same run, though its input is made anew.
    """

    def wait(wildcards):
        flags_folder()
        return find(wildcards)

    return wait


def shown_of(wildcards):
    """What reviewers are shown of an orthophoto follows from this part of its flag alone."""
    return f"{flag_of(wildcards).removesuffix('.json')}.shown"


def outlines(wildcards):
    """Outline files of all flagged orthophotos."""
    return [result(f"outline/{key}.gpkg") for key in flagged_sheets()]


def segmentations(wildcards):
    """Segmentations of all flagged orthophotos."""
    return [result(f"segmentation/{key}.h5") for key in flagged_sheets()]


def flag_of(wildcards):
    """Flag file of an orthophoto; the checkpoint writes the folder it lies in."""
    return f"{flags_folder()}/{keys.sheet_key(wildcards.sheet, wildcards.year)}.json"


def read_flag(wildcards):
    """Content of the flag file of an orthophoto."""
    return json.loads(Path(flag_of(wildcards)).read_text())


def earlier_segmentation(wildcards):
    """Segmentation of the flight before a flagged one, where there was a flight."""
    before = read_flag(wildcards)["earlier"]
    if before is None:
        return []
    return result(f"segmentation/{keys.sheet_key(wildcards.sheet, before['year'])}.h5")


def orthophoto_of(wildcards):
    """Row of the index for a sheet and year."""
    with plain_errors():
        return sheets.find_sheet(ORTHOPHOTO["sheets"], wildcards.sheet, wildcards.year)


def flights_of(wildcards):
    """A flagged orthophoto and, where there was one, the flight before it: raster, bands, CRS and date."""
    flag = read_flag(wildcards)
    years = [flag["year"]] + ([flag["earlier"]["year"]] if flag["earlier"] else [])
    with plain_errors():
        rows = [
            sheets.find_sheet(ORTHOPHOTO["sheets"], flag["sheet"], y) for y in years
        ]
    return [
        {
            "raster": str(row.file),
            "bands": list(row.bands) or ORTHOPHOTO["bands"],
            "epsg": row.epsg,
            "date": row.flight_date,
        }
        for row in rows
    ]


def scenes_to_review(side):
    """Input function for the acquisitions of which one is shown `before` or `after` a sheet's changes."""

    def find(wildcards):
        chosen = review_scenes.review_scenes(read_flag(wildcards), INVENTORY)[side]
        return [result(f"acquisition/{keys.scene_key(*scene)}.h5") for scene in chosen]

    return find


def months_to_review(wildcards):
    """Files of the inventory by whose age it is seen that a scene that could be shown has come or gone."""
    flag = read_flag(wildcards)
    halves = review_scenes.review_halves(flag, INVENTORY)
    zone = flag["events"][0]["epsg"]
    return [
        result(f"inventory/{zone}/{month}.json")
        for h in halves
        for month in parts_of(h)
    ]


def review_folders(wildcards):
    """Folders of pictures of all flagged orthophotos."""
    return [result(f"review/{key}") for key in flagged_sheets()]


def raster_of(wildcards):
    """File of an orthophoto; its age does not count."""
    return ancient(str(orthophoto_of(wildcards).file))


def bands_of(wildcards):
    """Names of an orthophoto's bands: those of the index, or the configured ones."""
    return list(orthophoto_of(wildcards).bands) or ORTHOPHOTO["bands"]


def epsg_of(wildcards):
    """EPSG code that the index names for an orthophoto, or None."""
    return orthophoto_of(wildcards).epsg


def label_reference():
    """The reference of earlier sealed land, where training samples are drawn from it."""
    return (
        ORTHOPHOTO["reference"] if ORTHOPHOTO["training_labels"] == "reference" else []
    )


def training_tables(wildcards):
    """Sample tables of the orthophotos that carry training polygons."""
    given = ["sealed"] if label_reference() else []
    with plain_errors():
        drawn_on = sheets.training_sheets(
            ORTHOPHOTO["training_polygons"], ORTHOPHOTO["sheets"], given
        )
    return [result(f"training/{key}.h5") for key in drawn_on]


def newest_scenes(zone, per_tile=3, stage="acquisition"):
    """Scenes of a zone, at a stage: the newest of each tile, newest first; the background of pictures."""
    chosen = []
    for tile in TILES:
        if keys.zone_of_tile(tile) == zone:
            chosen += [s for s in INVENTORY.scenes if s[0] == tile][-per_tile:]
    return [
        result(f"{stage}/{t}/{d}_{p}.h5")
        for t, d, p in sorted(chosen, key=lambda s: s[1], reverse=True)
    ]


CHECK = config["check"]


def newest(periods):
    """The periods whose composites are checked, newest first."""
    return periods[::-1][: CHECK["sample_periods"]]


def checked_months(zone):
    """Months with scenes whose composites are checked; without any, the newest empty one."""
    return newest([m for m in MONTHS if mosaics_of(zone, m)] or MONTHS)


def checked_halves(zone):
    """The same for half-years."""
    seen = [h for h in HALVES if any(mosaics_of(zone, m) for m in keys.months_of(h))]
    return newest(seen or HALVES)


def parts_of(half):
    """Months of a half-year within the period."""
    return [m for m in keys.months_of(half) if m in MONTHS]
