"""Ratios against a reference that is measured in the same run: wall times of one machine say little."""
