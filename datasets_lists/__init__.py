"""Turns the official files of data sets into verified image lists."""
