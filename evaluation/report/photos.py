"""Photos as the template shows them: a small copy, its names, and whether its class is right."""

from evaluation.report.images import Thumbnails


class Photos:
    """Photos as the template shows them."""

    def __init__(self, inputs):
        """Takes the Inputs."""
        self._names = inputs.class_names
        self._thumbnails = Thumbnails(inputs.max_megapixels)

    def of(self, image_set, row, query=None, distance=None):
        """One photo.

        Args:
          image_set: inputs.ImageSet.
          row: int.
          query: int, the class that it should have; None for no comparison.
          distance: float or None.

        Returns:
          dict with `uri` (None if it can't be read), `file`, `name` of its class, `right` (None
          without a query) and `distance`.
        """
        label = image_set.labels[row]
        return {
            "uri": self._thumbnails.of(image_set.paths[row]),
            "file": image_set.files[row],
            "name": self._names[label],
            "right": None if query is None else bool(label == query),
            "distance": None if distance is None else float(distance),
        }

    def neighbours(self, image_set, found, place, query):
        """The photos of a row of inputs.Found, the nearest first."""
        pairs = zip(found.rows[place], found.distances[place])
        return [self.of(image_set, row, query, distance) for row, distance in pairs]
