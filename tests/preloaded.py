"""What the server behind `tests.forked` imports before it forks."""

from evaluation import evaluator  # noqa: F401
from tests.conftest import without_optimisation
from training import dry_run, trainer  # noqa: F401
from utils import tf1

tf1.session_config = without_optimisation
