"""Oxford Flowers-102: the labels of all images, and the numbers of the images of each split."""

import os

from datasets_lists.annotations import WRONG_FILE, Annotations, Download, column, labelled, read_mat
from utils.errors import UserError

_SITE = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
DOWNLOADS = (
    Download(
        url=_SITE + "102flowers.tgz",
        size=344862509,
        sha256="2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
        gives=("jpg",),
    ),
    Download(
        url=_SITE + "imagelabels.mat",
        size=502,
        sha256="4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
        gives=("imagelabels.mat",),
    ),
    Download(
        url=_SITE + "setid.mat",
        size=14989,
        sha256="46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
        gives=("setid.mat",),
    ),
)

_VARIABLES = {"train": "trnid", "val": "valid", "test": "tstid"}
# The categories on the site, in label order; the .mat files only have numbers.
_NAMES = """
pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily,
moon orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea,
spear thistle, yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower,
giant white arum lily, fire lily, pincushion flower, fritillary, red ginger, grape hyacinth,
corn poppy, prince of wales feathers, stemless gentian, artichoke, sweet william, carnation,
garden phlox, love in the mist, mexican aster, alpine sea holly, ruby-lipped cattleya, cape flower,
great masterwort, siam tulip, lenten rose, barbeton daisy, daffodil, sword lily, poinsettia,
bolero deep blue, wallflower, marigold, buttercup, oxeye daisy, common dandelion, petunia,
wild pansy, primula, sunflower, pelargonium, bishop of llandaff, gaura, geranium, orange dahlia,
pink-yellow dahlia, cautleya spicata, japanese anemone, black-eyed susan, silverbush,
californian poppy, osteospermum, spring crocus, bearded iris, windflower, tree poppy, gazania,
azalea, water lily, rose, thorn apple, morning glory, passion flower, lotus, toad lily, anthurium,
frangipani, clematis, hibiscus, columbine, desert-rose, tree mallow, magnolia, cyclamen, watercress,
canna lily, hippeastrum, bee balm, ball moss, foxglove, bougainvillea, camellia, mallow,
mexican petunia, bromelia, blanket flower, trumpet creeper, blackberry lily
"""


def read(root):
    """Reads imagelabels.mat and setid.mat.

    Args:
      root: str, the folder with these files and the folder jpg.

    Returns:
      Annotations; "trainval" is train followed by val.

    Raises:
      UserError: a file is missing, damaged or wrong, or they don't match.
    """
    labels_path, path = (os.path.join(root, name) for name in ("imagelabels.mat", "setid.mat"))
    labels = column(labels_path, read_mat(labels_path, "labels")[0], int)
    names = [name.strip() for name in _NAMES.replace("\n", " ").split(",")]
    names = tuple(names[: max(labels)])
    labels = labelled(labels_path, labels, names)
    splits = {}
    for split, ids in zip(_VARIABLES, read_mat(path, *_VARIABLES.values())):
        ids = column(path, ids, int)
        if ids and not 1 <= min(ids) <= max(ids) <= len(labels):
            raise UserError(
                f"{path} numbers images up to {max(ids)}, but {labels_path} has {len(labels)}"
                f" labels; {WRONG_FILE}"
            )
        splits[split] = [(labels[i - 1], f"image_{i:05d}.jpg") for i in ids]
    splits["trainval"] = splits["train"] + splits["val"]
    return Annotations(names, splits, {split: path for split in splits})
