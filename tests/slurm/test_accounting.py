"""The same on a cluster with accounting (slurmdbd over MariaDB): what sacct tells agrees."""

import pytest

from builders.slurm_accounting import ACCOUNT

pytestmark = pytest.mark.timeout(900)


def test_sacct_charges_a_gpu_to_the_gpu_rule_alone(open_cluster, checkout):
    accounted = checkout.on(open_cluster(accounting=True))
    expected = accounted.site.contents()
    for name in ("segmentation/E_2022.h5", "outline/E_2022.gpkg"):
        (accounted.site.results / name).unlink()
    accounted.run("--default-resources", f"slurm_account={ACCOUNT}", only=("outline/E_2022.gpkg",))
    assert accounted.site.contents() == expected
    fields = "--format=Comment%100,Account,Partition,State,AllocTRES%100"
    rows = accounted.cluster.call("sacct", "--allocations", "--noheader", "--parsable2", fields).splitlines()
    jobs = {row.split("|")[0].rsplit("_")[-1]: row.split("|")[1:] for row in rows}
    assert {rule: values[:3] for rule, values in jobs.items()} == {
        "segment": [ACCOUNT, "gpu", "COMPLETED"],
        "outline": [ACCOUNT, "cpu", "COMPLETED"],
    }
    assert "gres/gpu=1" in jobs["segment"][3].split(",")
    assert "gpu" not in jobs["outline"][3]
