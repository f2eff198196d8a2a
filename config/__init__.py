"""Every setting of a run, the tables behind the defaults, and the command-line flags."""
