"""Exports a run as a standalone model: python export.py --help."""

import sys

from inference import export_flags
from utils.errors import run_script


def main():
    """Reads the flags, exports the model, prints how closely it agrees and where it is."""
    flags = export_flags.parse(sys.argv[1:])
    # TensorFlow is imported late so that --help and flag errors are instant.
    from inference import comparison, exporter

    try:
        lines = exporter.export(**flags)
    except comparison.Differs as error:
        sys.exit(f"export.py: error: {error}")
    print("\n".join(lines))
    print(flags["out"])


if __name__ == "__main__":
    run_script("export.py", main)
