"""Room on disk, beside the stages: a run in batches, so that acquisitions stay within `storage.max_acquisitions_gb`.

Which acquisitions later steps read is asked of the workflow's own graph (`sealwatch.plan`), not written down again.
"""
