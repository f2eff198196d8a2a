"""Small synthetic versions of each data set in its official format."""

import os
import uuid

import numpy as np
from PIL import Image

from config.datasets import DATASETS

# Of every six images of a class, the numbers for train, val and test.
_WITH_VAL = ("train", "train", "val", "val", "test", "test")
_WITHOUT_VAL = ("train", "train", "train", "test", "test", "test")


def write(name, datasets_dir, num_classes=2, images_per_class=12, seed=0, height=48):
    """Writes a small data set in its official format; commands need --subset for it.

    Args:
      name: str, a key of `WRITERS`: a name of `official.NAMES`, or "cars_one_file", the second form
        of cars.
      datasets_dir: str, the folder of the data sets.
      num_classes: int, C.
      images_per_class: int, over all splits; with at least 6, each split has some.
      seed: int, for the images.
      height: int, in pixels; the images are a quarter wider than high.

    Returns:
      str, the folder of the data set.
    """
    root = os.path.join(datasets_dir, DATASETS[name.split("_")[0]].folder)
    rng = np.random.RandomState(seed)
    pictures = [
        (label, i, picture(label, num_classes, height, rng))
        for i in range(images_per_class)
        for label in range(num_classes)
    ]
    WRITERS[name](root, num_classes, pictures)
    return root


def picture(label, num_classes, height, rng):
    """A noisy image of stripes, whose direction and colour show the class.

    Args:
      label: int in [0, C).
      num_classes: int, C.
      height: int, height in pixels.
      rng: np.random.RandomState.

    Returns:
      PIL.Image.Image, RGB.
    """
    rows, columns = np.mgrid[:height, : height * 5 // 4]
    angle = np.pi * label / num_classes
    across = rows * np.cos(angle) + columns * np.sin(angle)
    stripes = np.sin(2 * np.pi * (4 * across / height + rng.rand()))
    colour = 0.5 + 0.4 * np.cos(2 * np.pi * (label / num_classes + np.arange(3) / 3))
    light = colour * (0.7 + 0.3 * stripes[..., np.newaxis]) + rng.normal(0, 0.08)
    light = light + rng.normal(0, 0.08, light.shape)
    return Image.fromarray(np.uint8(255 * np.clip(light, 0, 1)))


def _save(image, *path):
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    image.save(path, "JPEG", quality=92)


def _lines(path, lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def _mat(path, **variables):
    import scipy.io  # imported late: it takes a third of a second

    os.makedirs(os.path.dirname(path), exist_ok=True)
    scipy.io.savemat(path, variables)


def _cells(values):
    """A MATLAB cell array of strings, [N, 1]."""
    cells = np.empty((len(values), 1), object)
    cells[:, 0] = values
    return cells


def _records(**fields):
    """A MATLAB struct array, [1, N], whose fields hold one value each."""
    number = len(next(iter(fields.values())))
    records = np.zeros((1, number), [(name, object) for name in fields])
    for name, values in fields.items():
        records[name][0, :] = values
    return records


def _aircrafts(root, num_classes, pictures):
    folder = os.path.join(root, "fgvc-aircraft-2013b", "data")
    classes = {
        "variant": [f"7{label:02d}-100/F" for label in range(num_classes)],
        "family": [f"Boeing 7{label // 2:02d}" for label in range(num_classes)],
        "manufacturer": [f"Maker {label // 4}" for label in range(num_classes)],
    }
    files = {"variant": "variants", "family": "families", "manufacturer": "manufacturers"}
    for level, names in classes.items():
        _lines(os.path.join(folder, f"{files[level]}.txt"), dict.fromkeys(names))
    rows = {split: [] for split in ("train", "val", "trainval", "test")}
    for number, (label, i, image) in enumerate(pictures):
        name = f"{1340192 + 7 * number:07d}"
        _save(image, folder, "images", f"{name}.jpg")
        split = _WITH_VAL[i % 6]
        for into in (split,) if split == "test" else (split, "trainval"):
            rows[into].append((name, label))
    for split, chosen in rows.items():
        for level, names in classes.items():
            lines = [f"{name} {names[label]}" for name, label in chosen]
            _lines(os.path.join(folder, f"images_{level}_{split}.txt"), lines)


def _flowers(root, num_classes, pictures):
    ids = {"train": [], "val": [], "test": []}
    for number, (_, i, image) in enumerate(pictures, 1):
        _save(image, root, "jpg", f"image_{number:05d}.jpg")
        ids[_WITH_VAL[i % 6]].insert(0, number)
    _mat(os.path.join(root, "imagelabels.mat"), labels=[np.uint8([p[0] + 1 for p in pictures])])
    named = {"trnid": ids["train"], "valid": ids["val"], "tstid": ids["test"]}
    _mat(os.path.join(root, "setid.mat"), **{k: [np.uint16(v)] for k, v in named.items()})


def _car_names(num_classes):
    names = np.empty((1, num_classes), object)
    names[0, :] = [f"Maker Model {label} Sedan 2012" for label in range(num_classes)]
    return names


def _cars(root, num_classes, pictures):
    devkit = os.path.join(root, "devkit")
    for split, ending in (("train", "annos"), ("test", "annos_withlabels")):
        chosen = [p for p in pictures if _WITHOUT_VAL[p[1] % 6] == split]
        files = [f"{number:05d}.jpg" for number in range(1, len(chosen) + 1)]
        for file, (_, _, image) in zip(files, chosen):
            _save(image, root, f"cars_{split}", file)
        boxes = dict.fromkeys(("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"), [1] * len(files))
        labels = {"class": [label + 1 for label, _, _ in chosen]}
        path = os.path.join(devkit, f"cars_{split}_{ending}.mat")
        _mat(path, annotations=_records(**boxes, **labels, fname=files))
        if split == "test":
            blind = os.path.join(devkit, "cars_test_annos.mat")
            _mat(blind, annotations=_records(**boxes, fname=files))
    _mat(os.path.join(devkit, "cars_meta.mat"), class_names=_car_names(num_classes))


def _cars_one_file(root, num_classes, pictures):
    files = [f"car_ims/{number:06d}.jpg" for number in range(1, len(pictures) + 1)]
    for file, (_, _, image) in zip(files, pictures):
        _save(image, root, file)
    fields = {
        "relative_im_path": files,
        "class": [label + 1 for label, _, _ in pictures],
        "test": [int(_WITHOUT_VAL[i % 6] == "test") for _, i, _ in pictures],
    }
    path = os.path.join(root, "cars_annos.mat")
    _mat(path, annotations=_records(**fields), class_names=_car_names(num_classes))


def _dogs(root, num_classes, pictures):
    rows = {"train": [], "test": []}
    for number, (label, i, image) in enumerate(pictures):
        wnid = f"n{2085620 + 100 * label:08d}"
        file = f"{wnid}-Dog_of_kind_{label}/{wnid}_{number}.jpg"
        _save(image, root, "Images", file)
        rows[_WITHOUT_VAL[i % 6]].append((file, label))
    for split, chosen in rows.items():
        files = [file for file, _ in chosen]
        _mat(
            os.path.join(root, f"{split}_list.mat"),
            file_list=_cells(files),
            annotation_list=_cells([file[: -len(".jpg")] for file in files]),
            labels=np.float64([[label + 1] for _, label in chosen]),
        )


def _id_files(root, rows):
    """The three text files of rows of (id, file, class, split)."""
    _lines(os.path.join(root, "images.txt"), [f"{i} {file}" for i, file, _, _ in rows])
    _lines(os.path.join(root, "image_class_labels.txt"), [f"{i} {c}" for i, _, c, _ in rows])
    flags = [f"{i} {int(split == 'train')}" for i, _, _, split in rows]
    _lines(os.path.join(root, "train_test_split.txt"), flags)


def _birds(root, num_classes, pictures):
    rows = []
    for number, (label, i, image) in enumerate(pictures):
        name = uuid.UUID(int=(number * 2654435761) << 64)
        folder = 295 + 2 * label
        file = f"{folder:04d}/{name.hex}.jpg"
        _save(image, root, "images", file)
        rows.append((name, file, folder, _WITHOUT_VAL[i % 6]))
    _id_files(root, rows)
    names = [f"{i} Bird {i} (Adult Male)" for i in range(294 + 2 * num_classes)]
    _lines(os.path.join(root, "classes.txt"), names)


def _cub(root, num_classes, pictures):
    rows = []
    for number, (label, i, image) in enumerate(sorted(pictures, key=lambda p: p[:2]), 1):
        name = f"Bird_of_kind_{label}"
        file = f"{label + 1:03d}.{name}/{name}_{i:04d}_{796000 + number}.jpg"
        _save(image, root, "images", file)
        rows.append((number, file, label + 1, _WITHOUT_VAL[i % 6]))
    _id_files(root, rows)
    names = [f"{c + 1} {c + 1:03d}.Bird_of_kind_{c}" for c in range(num_classes)]
    _lines(os.path.join(root, "classes.txt"), names)


def _sop(root, num_classes, pictures):
    """The test images, half of them, show other articles than those of training."""
    rows = {"train": [], "test": []}
    for number, (label, i, image) in enumerate(pictures):
        split = _WITHOUT_VAL[i % 6]
        article = label + 1 + (num_classes if split == "test" else 0)
        file = f"lamp_final/{110000000000 + article}_{i}.JPG"
        _save(image, root, file)
        rows[split].append((article, f"{number + 1} {article} 7 {file}"))
    for split, found in rows.items():
        lines = [line for _, line in sorted(found)]
        path = os.path.join(root, f"Ebay_{split}.txt")
        _lines(path, ["image_id class_id super_class_id path", *lines])


WRITERS = {
    "aircrafts": _aircrafts,
    "flowers": _flowers,
    "cars": _cars,
    "cars_one_file": _cars_one_file,
    "dogs": _dogs,
    "birds": _birds,
    "cub": _cub,
    "sop": _sop,
}
