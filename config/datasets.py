"""The table of data sets: where each is stored, its size, and its own defaults."""

from typing import Dict, NamedTuple, Optional, Tuple


class DatasetSpec(NamedTuple):
    """One row of `DATASETS`.

    Attributes:
      title: str, its usual name.
      folder: str, its folder under `datasets_dir`; None if --dataset_path gives it.
      image_folders: tuple of str under `folder`, searched in this order for the listed files.
      num_classes: int, C as published, or None.
      counts: dict from split to the published number of images.
      source: str, where to get it.
      val_is_held_out: bool, whether its validation list shares no image with the training list.
      defaults: dict from setting to the default that replaces Config's for this data set.
    """

    title: str
    folder: Optional[str]
    image_folders: Tuple[str, ...]
    num_classes: Optional[int]
    counts: Dict[str, int]
    source: str
    val_is_held_out: bool = True
    defaults: Dict[str, object] = {}


# The lists whose classes are split, and how many folds of their training classes there are.
UNSEEN_FOLDER, FOLDS = "lists_unseen", 4

_COMMANDS = "python -m datasets_lists download {0}, then python -m datasets_lists make {0} ({1})"

DATASETS = {
    # Trained from scratch in well under two minutes on two CPU cores; the scans are 8 x 8.
    "digits": DatasetSpec(
        title="scikit-learn's 1,797 scanned digits",
        folder="digits",
        image_folders=("images",),
        num_classes=10,
        counts={"train": 1259, "val": 179, "test": 359},
        source="written from scikit-learn by the first run",
        defaults={
            "net": "mobile",
            "pretrained": "none",
            "train_iters": 350,
            "learning_rate": 0.03,
            "bn_decay": 0.9,
            "frame_size": 48,
            "resize_min": 50,
            "resize_max": 56,
            "resize_square": 54,
            "flip": False,
            "log_every_steps": 25,
            "eval_every_steps": 100,
            "save_every_steps": 100,
        },
    ),
    "cars": DatasetSpec(
        title="Stanford Cars",
        folder="stanford_cars",
        image_folders=("",),
        num_classes=196,
        counts={"train": 8144, "test": 8041},
        source="its official site is gone; python -m datasets_lists download cars explains"
        " what to put where (http://ai.stanford.edu/~jkrause/cars/car_dataset.html)",
    ),
    "flowers": DatasetSpec(
        title="Oxford Flowers-102",
        folder="flower102",
        image_folders=("jpg", ""),
        num_classes=102,
        counts={"train": 1020, "val": 1020, "test": 6149},
        source=_COMMANDS.format("flowers", "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"),
    ),
    "dogs": DatasetSpec(
        title="Stanford Dogs",
        folder="Stanford_dogs",
        image_folders=("Images", ""),
        num_classes=120,
        counts={"train": 12000, "test": 8580},
        source=_COMMANDS.format("dogs", "http://vision.stanford.edu/aditya86/ImageNetDogs/"),
    ),
    "aircrafts": DatasetSpec(
        title="FGVC-Aircraft (variants)",
        folder="aircrafts",
        image_folders=("fgvc-aircraft-2013b/data/images", ""),
        num_classes=100,
        counts={"train": 6667, "val": 3333, "test": 3333},
        val_is_held_out=False,  # the first release trains on train and val together
        source=_COMMANDS.format(
            "aircrafts", "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/"
        ),
    ),
    "birds": DatasetSpec(
        title="NABirds",
        folder="nabirds",
        image_folders=("images", ""),
        num_classes=555,
        counts={"train": 23929, "test": 24633},
        source="https://dl.allaboutbirds.org/nabirds (asks for a name and an e-mail address);"
        " python -m datasets_lists download birds explains what to put where",
    ),
    "cub": DatasetSpec(
        title="CUB-200-2011",
        folder="CUB_200_2011",
        image_folders=("images", ""),
        num_classes=200,
        counts={"train": 5994, "test": 5794},
        source=_COMMANDS.format("cub", "https://www.vision.caltech.edu/datasets/cub_200_2011/"),
    ),
    "sop": DatasetSpec(
        title="Stanford Online Products",
        folder="Stanford_Online_Products",
        image_folders=("",),
        num_classes=22634,  # 11,318 to train on, 11,316 others to search
        counts={"train": 59551, "test": 60502},
        source="ftp://cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip;"
        " python -m datasets_lists download sop says what to put where",
    ),
    "custom": DatasetSpec(
        title="your own images",
        folder=None,
        image_folders=("",),
        num_classes=None,
        counts={},
        source="a folder per class, or lists/*.csv as python -m datasets_lists make custom writes",
    ),
}
