"""From the official files of the data sets to image lists that can be trusted."""
