"""The result of a data set check, as text and as JSON."""

from typing import Dict, NamedTuple, Optional, Tuple

from data.folders import CONVERT

# Kind -> its heading, in report order.
KINDS = {
    "counts": "counts that differ from the published ones",
    "label": "labels without a training image",
    "missing": "listed images that are missing",
    "unlisted": "images in no list",
    "unread": f"images of an unsupported format; {CONVERT}",
    "two_splits": "files in two splits",
    "same_content": "the same content in two splits",
    "unreadable": "images that can't be decoded",
    "too_large": "images with too many pixels",
    "truncated": "truncated images",
    "misnamed": "images with the extension of another format",
    "not_rgb": "images that are not RGB",
}
EXAMPLES = 5
BINS = 8
BAR_CHARACTERS = 40


class Problem(NamedTuple):
    """One problem of a data set.

    Attributes:
      kind: str, a key of `KINDS`.
      file: str, the image below the image folder, or the split.
      detail: str, the rest of the sentence; may be empty.
    """

    kind: str
    file: str
    detail: str


class Report(NamedTuple):
    """The result of checking a data set.

    Attributes:
      title: str, the data set.
      folder: str, its image folder.
      counts: dict from split to int.
      published: dict from split to int, empty if nothing is published or to be compared.
      notes: tuple of str, remarks that are not problems.
      class_map: str, `data.lists.ClassMap.digest`.
      images_per_class: list of (class name, int), of the training list.
      smallest: (width, height, file) of the image with the fewest pixels, upright; None if no image
        was read.
      largest: the same for the most pixels.
      problems: tuple of Problem.
      repaired: tuple of (file, what was done), by --fix.
    """

    title: str
    folder: str
    counts: Dict[str, int]
    published: Dict[str, int]
    notes: Tuple[str, ...]
    class_map: str
    images_per_class: list
    smallest: Optional[tuple]
    largest: Optional[tuple]
    problems: Tuple[Problem, ...]
    repaired: tuple


def as_json(report):
    """The report as a JSON-compatible dict."""
    return dict(
        report._asdict(),
        clean=not report.problems,
        images_per_class=[{"class": name, "images": n} for name, n in report.images_per_class],
        problems=[problem._asdict() for problem in report.problems],
        repaired=[{"file": file, "done": done} for file, done in report.repaired],
    )


def as_text(report):
    """The report as text for the terminal."""
    lines = [f"{report.title}: {report.folder}"]
    for split, count in report.counts.items():
        published = report.published.get(split)
        known = "" if published is None else f"  (published: {published})"
        lines.append(f"  {split:<8} {count:>6} images{known}")
    lines.append(f"  {len(report.images_per_class)} classes, class map {report.class_map}")
    lines += [f"  {note}" for note in report.notes]
    if report.smallest:
        for word, (width, height, file) in (
            ("smallest", report.smallest),
            ("largest", report.largest),
        ):
            lines.append(f"  {word} image {width} x {height}, {file}")
    lines += ["  training images per class:", *_histogram([n for _, n in report.images_per_class])]
    lines += [f"  repaired {file}: {done}" for file, done in report.repaired]
    return "\n".join(lines + _problem_lines(report.problems))


def _histogram(counts):
    """Lines of range, bar and number of classes."""
    least, most = min(counts), max(counts)
    width = -(-(most - least + 1) // BINS)  # rounded up
    bins = [0] * (1 + (most - least) // width)
    for count in counts:
        bins[(count - least) // width] += 1
    lines = []
    for i, number in enumerate(bins):
        first, last = least + i * width, min(least + (i + 1) * width - 1, most)
        span = str(first) if first == last else f"{first}-{last}"
        bar = "#" * -(-BAR_CHARACTERS * number // max(bins))
        lines.append(f"  {span:>11} {bar} {number}")
    return lines


def _problem_lines(problems):
    if not problems:
        return ["clean: no problem found"]
    lines = [f"{len(problems)} " + ("problem" if len(problems) == 1 else "problems")]
    for kind, heading in KINDS.items():
        chosen = [problem for problem in problems if problem.kind == kind]
        if not chosen:
            continue
        lines.append(f"  {heading}: {len(chosen)}")
        lines += [f"    {p.file} {p.detail}".rstrip() for p in chosen[:EXAMPLES]]
        if len(chosen) > EXAMPLES:
            lines.append(f"    ... and {len(chosen) - EXAMPLES} more (all of them: --json PATH)")
    return lines
