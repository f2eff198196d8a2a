import pytest

from data import augment
from evaluation import plots
from nets import mobilenet_v1
from tests.conftest import SHALLOW, whole_frame

ALL_LAYERS = mobilenet_v1.SEPARABLE_LAYERS
# Their tests count layers, or also run scripts.
WITH_ALL_LAYERS = ("test_dry_run.py", "test_cluster.py")
# Their tests need images that differ, crops, or a decoder that refuses.
WITH_CROPS = (
    "test_bad_images.py", "test_reproducibility.py", "test_replicas.py", "test_cluster.py",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _shallow_graphs(request):
    """A network and an input that are built in a fifth of the time, for tests of what is around."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in WITH_ALL_LAYERS:
            patch.setattr(mobilenet_v1, "SEPARABLE_LAYERS", SHALLOW)
        if request.path.name not in WITH_CROPS:
            patch.setattr(augment, "_frame", whole_frame)
        if request.path.name != "test_modes.py":  # it looks for the curves
            patch.setattr(plots, "learning_curves", lambda path, rows: None)
        yield


@pytest.fixture
def whole_mobilenet(monkeypatch):
    """All thirteen layers; with random weights, they give every image the same class."""
    monkeypatch.setattr(mobilenet_v1, "SEPARABLE_LAYERS", ALL_LAYERS)
