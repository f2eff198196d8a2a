"""Damaged values of TF_CONFIG."""

import pytest

from config import cluster
from tests.fuzz.mutate import every_count, mutated, one_sentence

WHOLE = b"""{"cluster": {"chief": ["a:2222"], "worker": ["b.org:2222", "[::1]:80"]},
"task": {"type": "worker", "index": 1}}"""


@pytest.mark.promise("a damaged TF_CONFIG", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_tf_config(count):
    for seed in range(count):
        text = mutated(WHOLE, seed).decode("utf-8", "surrogateescape")
        with one_sentence(seed):
            found = cluster.cluster_of({"TF_CONFIG": text})
            if found is not None:
                assert found.addresses[found.rank] == found.jobs[found.job][found.index], seed
                assert len(set(found.addresses)) == len(found.addresses) > 1, seed
