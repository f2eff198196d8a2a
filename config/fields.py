"""Fields of the Config that carry what the command line needs to know."""

from dataclasses import field


def setting(default, group, text, parse=str, **metadata):
    """A dataclass field that carries what the command line needs to know.

    Args:
      default: the value if nothing else sets one.
      group: str, its heading in --help.
      text: str, meaning and unit.
      parse: callable from a command-line argument to the value.
      **metadata: `choices`; `sums`, the sums of two choices that are allowed too; `least` and
        `most`, the range; `alias`, a second flag; `metavar`;
        `modes`, `samplers`, `styles` or `nets`, the only ones that use the setting; `resumable`,
        True if it may change when a run is resumed; `before`, the value for runs older than the
        setting, if that is not the default.
    """
    metadata.update(group=group, text=text, parse=parse)
    return field(default=default, metadata=metadata)
