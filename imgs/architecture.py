"""Draws imgs/architecture.png, the two-head network: python imgs/architecture.py."""

import os

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

GREY, BLUE, GREEN = "#e8eaed", "#d3e3f8", "#d5ecd8"

# (left, bottom, width, text, colour); boxes are 0.8 high.
BOXES = (
    (0.0, 1.1, 1.5, "images\n224 x 224 x 3", GREY),
    (2.1, 1.1, 1.9, "backbone\nResNet-50, ImageNet", GREY),
    (4.6, 1.1, 1.7, "feature map h\n7 x 7 x 2048", GREY),
    (7.0, 2.1, 1.5, "average pool\n2048", BLUE),
    (9.0, 2.1, 1.3, "linear\nC logits", BLUE),
    (10.8, 2.1, 2.0, "softmax\ncross-entropy", BLUE),
    (7.0, 0.1, 1.5, "flatten\n100,352", GREEN),
    (9.0, 0.1, 1.3, "linear\nD = 256", GREEN),
    (10.8, 0.1, 2.0, "unit norm\nranking loss", GREEN),
)
ARROWS = (
    ((1.5, 1.5), (2.1, 1.5)),
    ((4.0, 1.5), (4.6, 1.5)),
    ((6.3, 1.7), (7.0, 2.5)),
    ((6.3, 1.3), (7.0, 0.5)),
    ((8.5, 2.5), (9.0, 2.5)),
    ((10.3, 2.5), (10.8, 2.5)),
    ((8.5, 0.5), (9.0, 0.5)),
    ((10.3, 0.5), (10.8, 0.5)),
)


def draw(path):
    """Writes the figure.

    Args:
      path: str, the PNG to write.
    """
    figure = Figure(figsize=(10.6, 2.9))
    FigureCanvasAgg(figure)
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set_xlim(-0.15, 13.0)
    axes.set_ylim(-0.15, 3.45)
    axes.axis("off")
    for left, bottom, width, text, colour in BOXES:
        style = "round,pad=0,rounding_size=0.12"
        box = FancyBboxPatch(
            (left, bottom), width, 0.8, boxstyle=style, facecolor=colour, edgecolor="#5f6368"
        )
        axes.add_patch(box)
        axes.text(left + width / 2, bottom + 0.4, text, ha="center", va="center", fontsize=9)
    for start, end in ARROWS:
        arrow = {"arrowstyle": "-|>", "color": "#5f6368", "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=end, xytext=start, arrowprops=arrow)
    axes.text(9.9, 3.15, "classification head: a label", ha="center", fontsize=9, color="#1a56a8")
    axes.text(
        9.9, 1.2, "embedding head: nearest neighbours", ha="center", fontsize=9, color="#2a7f3f"
    )
    axes.text(12.8, 1.6, "loss = cross-entropy + λ · ranking loss", ha="right", fontsize=9)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    draw(os.path.join(os.path.dirname(os.path.abspath(__file__)), "architecture.png"))
