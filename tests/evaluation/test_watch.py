from evaluation.watch import CollapseWatch

COLLAPSED = {"negative_distance": 1e-5, "active_anchors": 1.0}
HEALTHY = {"negative_distance": 0.4, "active_anchors": 1.0}


def answers(rows):
    watch = CollapseWatch()
    return [watch.collapsed(row) for row in rows]


def test_warns_once_after_three_collapsed_rows():
    assert answers([COLLAPSED] * 5) == [False, False, True, False, False]


def test_a_healthy_row_starts_the_count_anew():
    rows = [COLLAPSED, COLLAPSED, HEALTHY, COLLAPSED, COLLAPSED, COLLAPSED]
    assert answers(rows) == [False] * 5 + [True]


def test_active_anchors_alone_or_a_vanilla_run_are_no_collapse():
    assert not any(answers([HEALTHY] * 5))
    assert not any(answers([{"loss": 1.0}] * 5))
    assert not any(answers([dict(COLLAPSED, active_anchors=0.0)] * 5))
