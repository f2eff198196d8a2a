"""The auxiliary classifier's loss: added, weighted, trained; and left alone without it."""

import numpy as np
import pytest

from tests.training.test_trainer import config_of
from training import graphs, preflight
from utils.tf1 import tf

INCEPTION = dict(net="inc3", frame_size=107, resize_min=110, resize_max=120, batch_size=4)


@pytest.mark.ci
@pytest.mark.parametrize("weight", [0.4, 0.0])
def test_the_auxiliary_loss_is_weighted_and_trains_its_classifier(shared_tree, tmp_path, weight):
    given = dict(INCEPTION, train_mode="vanilla", aux_loss_weight=weight)
    config = config_of(shared_tree, tmp_path, **given)
    images = preflight.load_dataset(config, ["train"]).splits["train"]
    options = tf.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    with tf.Graph().as_default(), tf.Session(config=options) as session:
        graph = graphs.build_train_graph(config, images, 4)
        graphs.start(session, graph)
        variables = {v.op.name: v for v in tf.global_variables() if "/AuxLogits/" in v.op.name}
        variables = {n: v for n, v in variables.items() if not n.endswith("Momentum")}
        before = session.run(variables)
        terms, _ = session.run((graph.terms, graph.step))
        after = session.run(variables)
    moved = {name for name in variables if not np.array_equal(before[name], after[name])}
    if weight:
        total = terms["cross_entropy"] + weight * terms["auxiliary_loss"]
        assert terms["loss"] == pytest.approx(total, rel=1e-5)
        assert terms["auxiliary_loss"] > 0.5 and moved == set(variables)
    else:
        assert "auxiliary_loss" not in terms and moved == set()
        assert terms["loss"] == terms["cross_entropy"]
