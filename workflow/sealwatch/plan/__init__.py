"""The plan of a run, for people: beside the stages; with `storage` the only part of the library that knows Snakemake.

The rules are those of the Snakefile, read by Snakemake itself; only the graph of jobs and the question which of them
must run are worked out here, for that is where Snakemake takes milliseconds a job. `tests/workflow/test_plan.py` holds
the list equal to that of `snakemake -n`.
"""
