"""Imported once by the process that runs of Snakemake are forked from, so that none of them waits for imports."""

import jsonschema  # noqa: F401
import smart_open  # noqa: F401
import snakemake.api
import snakemake.report
import snakemake.sourcecache
import snakemake.workflow  # noqa: F401
from snakemake import cli

import sealwatch.catalogue.inventory
import sealwatch.classifier.local_labels
import sealwatch.orthophoto.flags
import sealwatch.publish.review_scenes
import sealwatch.settings  # noqa: F401

cli.get_argument_parser()  # finds and imports all plugins
