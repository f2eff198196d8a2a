"""The commands of predict.py."""

import os

from data.folders import SPLITS
from inference import gallery as galleries
from inference import index as index_files
from inference import inputs, output
from inference.predictor import Predictor
from utils.errors import UserError


def predict(flags, show, note):
    """Labels new images.

    Args:
      flags: argparse.Namespace from `inference.flags.parse`.
      show: function that takes a line about an image.
      note: function that takes a line about progress.

    Returns:
      int, how many images can't be read.

    Raises:
      UserError: the run, the gallery, an input or an output is missing or does not match.
    """
    paths = inputs.expand(flags.paths)
    _check_outputs(flags, paths)
    answers, broken = [], 0
    with _open(flags, flags.checkpoint, flags.tta) as predictor:
        gallery = _gallery_of(flags, predictor, note)
        for answer in predictor.answers(paths, gallery):
            if answer.error is None:
                show(output.line(answer))
            else:
                broken += 1
                _note_broken([answer], note)
            if flags.csv or flags.html:
                answers.append(answer._replace(embedding=None, pooled=None))
        if flags.csv:
            output.write_csv(flags.csv, answers)
        if flags.html:
            about = _summary(flags, predictor, gallery)
            output.write_html(flags.html, answers, about, predictor.config.max_megapixels)
    if broken:
        note(f"{broken} of {len(paths)} images can't be read")
    return broken


def index(flags, show, note):
    """Saves a gallery; arguments and result as for `predict`.

    Raises:
      UserError: the run or the gallery is missing or does not match, or the index can't be written.
    """
    if os.path.exists(flags.out):
        raise UserError(f"{flags.out} already exists; delete it or choose another name")
    output.check_writable(flags.out, [])
    if flags.gallery not in SPLITS and not os.path.isdir(flags.gallery):
        raise UserError(f"--gallery {flags.gallery} is neither a split nor a folder that exists")
    with _open(flags, flags.checkpoint) as predictor:
        built, broken = galleries.build_index(predictor, flags.gallery)
    _note_broken(broken, note)
    index_files.write(flags.out, built)
    show(f"{len(built.files)} images of {len(set(built.labels.tolist()))} classes in {flags.out}")
    return len(broken)


def enrol(flags, show, note):
    """Adds a class to an index, or removes it; arguments and result as for `predict`.

    Raises:
      UserError: the index is damaged or from another run, or the class already exists, or does not
        exist.
    """
    before = index_files.read(flags.index)
    if flags.forget is not None:
        after, broken = before.without_class(flags.forget), []
    else:
        if not os.path.isdir(flags.folder):
            raise UserError(f"there is no folder {flags.folder}")
        paths = inputs.images_below(flags.folder)
        flags.run_dir = flags.run_dir or before.identity["run_dir"]
        checkpoint = os.path.join(flags.run_dir, before.identity["checkpoint"])
        with _open(flags, checkpoint) as predictor:
            index_files.check_identity(flags.index, before, predictor.identity)
            kept, arrays, broken = galleries.run_images(predictor, paths)
        kept_paths = [os.path.abspath(paths[i]) for i in kept]
        after = before.with_class(
            flags.name, kept_paths, arrays.get("embeddings"), arrays["pooled"]
        )
    _note_broken(broken, note)
    index_files.write(flags.index, after)
    change = len(after.files) - len(before.files)
    show(f"{change:+d} images, now {len(after.files)} of {len(after.classes)} classes")
    return len(broken)


COMMANDS = {"predict": predict, "index": index, "enrol": enrol}


def _open(flags, checkpoint, tta=None):
    return Predictor(flags.run_dir, checkpoint, tta, flags.batch_size, flags.overrides)


def _check_outputs(flags, paths):
    outputs = [path for path in (flags.csv, flags.html) if path]
    if len(set(map(os.path.abspath, outputs))) < len(outputs):
        raise UserError(f"--csv and --html are the same file, {flags.csv}; use two names")
    for path in outputs:
        output.check_writable(path, paths + flags.paths + [flags.gallery or ""])


def _gallery_of(flags, predictor, note):
    """The Gallery for the flags, or None."""
    if flags.gallery == "none":
        return None
    options = (flags.neighbours, flags.space, flags.faiss)
    try:
        gallery, broken = galleries.open_gallery(predictor, flags.gallery or "train", *options)
    except UserError as error:
        if flags.gallery is not None or any(options) or flags.unknown is not None:
            raise
        note(f"no neighbours: {error}")
        return None
    _note_broken(broken, note)
    if gallery.recall is not None:
        note(f"faiss finds {gallery.recall:.4f} of the exact neighbours of a sample of the gallery")
    if flags.unknown is not None:
        note(f"threshold from {gallery.set_threshold(predictor, flags.unknown)}")
    return gallery


def _note_broken(broken, note):
    for answer in broken:
        note(f"{output.printable(answer.path)}: {output.printable(answer.error)}")


def _summary(flags, predictor, gallery):
    found = {"run": flags.run_dir, "checkpoint": predictor.identity["checkpoint"]}
    if gallery is not None:
        found["gallery"] = f"{gallery.index.folder}, {len(gallery.index.files)} images"
        found["space"] = gallery.space
    if flags.tta:
        found["averaged"] = "each image and its mirror image"
    if gallery is not None and gallery.threshold is not None:
        found["unknown beyond"] = f"{gallery.threshold:.4f}"
    return found
