"""Writes answers as terminal lines, as a CSV file and as an HTML page."""

import base64
import csv
import functools
import io
import os
import warnings

import jinja2
from PIL import ImageOps

from inference.inputs import problem_of
from utils.errors import UserError
from utils.pictures import open_image

_TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")
_SHOWN = 3
_QUERY_PIXELS, _NEIGHBOUR_PIXELS = 160, 72
_WORDS = {True: "yes", False: "no", None: "-"}


def printable(text):
    """`text` with unprintable characters escaped, such as a newline in a file name."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def line(answer):
    """One line of text about an image.

    Args:
      answer: Answer without an error.

    Returns:
      str: file, label, probability, source, agreement, nearest neighbours.
    """
    parts = [
        printable(answer.path),
        f"{printable(answer.label)} {answer.probability:.3f} ({answer.source})",
    ]
    if answer.unknown:
        parts.append("unknown")
    if answer.neighbours:
        parts.append(f"agree {_WORDS[answer.agree]}")
        nearest = [
            f"{printable(n.file)} ({printable(n.name)}, {n.distance:.3f})"
            for n in answer.neighbours[:_SHOWN]
        ]
        parts.append("nearest " + ", ".join(nearest))
    return "  ".join(parts)


def check_writable(path, inputs):
    """Checks in advance that a file can be written.

    Args:
      path: str.
      inputs: list of str, files that must not be overwritten.

    Raises:
      UserError: it can't be, or it is one of the inputs.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path} can't be written: it is not a regular file")
    for name in inputs:
        if os.path.isfile(name) and os.path.isfile(path) and os.path.samefile(name, path):
            raise UserError(f"{path} is also an input; choose another name")
    _write(path, "", os.remove)


def write_csv(path, answers):
    """Writes answers as a table, one row per image.

    Args:
      path: str.
      answers: list of Answer.

    Raises:
      UserError: it can't be written.
    """
    num_top = max([len(answer.top) for answer in answers] + [0])
    num_neighbours = max([len(answer.neighbours) for answer in answers] + [0])
    header = ["file", "label", "source", "probability"]
    for rank in range(1, num_top + 1):
        header += [f"top{rank}", f"top{rank}_probability"]
    for rank in range(1, num_neighbours + 1):
        header += [f"neighbour{rank}{end}" for end in ("", "_class", "_distance")]
    header += ["neighbour_label", "agree", "unknown", "error"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="")
    writer.writeheader()
    writer.writerows(map(_csv_row, answers))
    _write(path, text.getvalue())


def _csv_row(answer):
    row = {"file": answer.path, "error": answer.error}
    if answer.error is not None:
        return row
    row.update(
        label=answer.label,
        source=answer.source,
        probability=_number(answer.probability),
        neighbour_label=answer.neighbour_label,
        agree=_WORDS[answer.agree] if answer.neighbours else "",
        unknown="" if answer.unknown is None else _WORDS[answer.unknown],
    )
    for rank, (name, probability) in enumerate(answer.top, 1):
        row[f"top{rank}"], row[f"top{rank}_probability"] = name, _number(probability)
    for rank, found in enumerate(answer.neighbours, 1):
        row[f"neighbour{rank}"], row[f"neighbour{rank}_class"] = found.path, found.name
        row[f"neighbour{rank}_distance"] = _number(found.distance)
    return row


def _number(value):
    return f"{value:.6g}"


def write_html(path, answers, summary, max_megapixels):
    """Writes answers as one self-contained page.

    Args:
      path: str.
      answers: list of Answer.
      summary: dict from heading to text, the origin of the answers.
      max_megapixels: int, larger images are not shown.

    Raises:
      UserError: it can't be written.
    """
    environment = jinja2.Environment(
        autoescape=True, loader=jinja2.FileSystemLoader(_TEMPLATES), trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["printable"] = printable
    environment.globals["thumbnail"] = functools.partial(thumbnail, max_megapixels=max_megapixels)
    page = environment.get_template("predictions.html")
    counts = {
        "images": len(answers),
        "broken": sum(answer.error is not None for answer in answers),
        "heads agree": _share(answers, "agree"),
        "unknown": _share(answers, "unknown"),
    }
    sizes = {"query_pixels": _QUERY_PIXELS, "neighbour_pixels": _NEIGHBOUR_PIXELS}
    _write(path, page.render(answers=answers, summary=summary, counts=counts, **sizes))


def _share(answers, field):
    """How many answers are true in a field: "12 of 40"; None if it is never set."""
    values = [getattr(answer, field) for answer in answers]
    asked = [value for value in values if value is not None]
    return f"{sum(asked)} of {len(asked)}" if asked else None


def thumbnail(path, pixels, max_megapixels):
    """A small JPEG of an image as a data: URI; None if that fails.

    Args:
      path: str.
      pixels: int, length of the longer side.
      max_megapixels: int, a larger image is not decoded.

    Returns:
      str or None.
    """
    if problem_of(path) is not None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_image(path, max_megapixels) as image:
                image.draft("RGB", (2 * pixels, 2 * pixels))  # decodes a large JPEG smaller
                small = ImageOps.exif_transpose(image).convert("RGB")
        small.thumbnail((pixels, pixels))
        contents = io.BytesIO()
        small.save(contents, "JPEG", quality=70, optimize=True)
    except Exception:  # Pillow's readers fail in many ways on damaged files
        return None
    return "data:image/jpeg;base64," + base64.b64encode(contents.getvalue()).decode("ascii")


def _write(path, text, then=None):
    """Writes a text atomically; names that are not UTF-8 keep their bytes."""
    path = os.path.realpath(path)
    target = path + ".tmp"
    try:
        with open(target, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        if then is None:
            os.replace(target, path)
        else:
            then(target)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from None
