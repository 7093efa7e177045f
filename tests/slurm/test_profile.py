"""What profiles/slurm and its guide say fits the rules, whether SLURM is installed or not."""

import re

import yaml

from builders.demo import ROOT

RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))


def test_groups_name_rules_and_all_have_a_size():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    assert profile["groups"].keys() <= set(re.findall(r"^(?:rule|checkpoint) (\w+):", RULES, re.M))
    assert profile["group-components"].keys() == set(profile["groups"].values())


def test_every_figure_of_memory_and_time_grows_with_the_attempt():
    figures = re.findall(r"^ +(mem_mb|runtime)=(.*),$", RULES, re.M)
    assert len(figures) > 40
    assert [figure for figure in figures if not re.fullmatch(r"grows\(\d+\)", figure[1])] == []


def test_the_example_of_partitions_has_one_with_gpus_and_room_for_the_third_attempt_of_any_rule():
    partitions = yaml.safe_load((ROOT / "profiles/slurm/partitions.example.yaml").read_text())["partitions"]
    assert [name for name, limits in partitions.items() if "max_gpu" in limits] == ["gpu"]
    for field, limit in (("mem_mb", "max_mem_mb"), ("runtime", "max_runtime")):
        most = max(int(figure) for figure in re.findall(rf"^ +{field}=grows\((\d+)\)", RULES, re.M))
        assert 4 * most <= min(limits[limit] for limits in partitions.values())


def test_the_third_attempt_of_any_group_fits_the_example_of_partitions():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    partitions = yaml.safe_load((ROOT / "profiles/slurm/partitions.example.yaml").read_text())["partitions"]
    room = min(limits["max_mem_mb"] for limits in partitions.values())
    for rule, group in profile["groups"].items():
        body = re.search(rf"^rule {rule}:\n(.*?)(?=^\S|\Z)", RULES, re.M | re.S)[1]
        one = int(re.search(r"mem_mb=grows\((\d+)\)", body)[1])
        assert 4 * one * profile["group-components"][group] <= room, rule
