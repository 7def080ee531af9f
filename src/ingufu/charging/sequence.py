"""Sets of sequence numbers, kept as ranges: a day of updates is one range, a gap makes two. Pure."""

from bisect import bisect_right

Ranges = tuple[tuple[int, int], ...]  # first and last, both included, in order, never touching


def contains(ranges: Ranges, number: int) -> bool:
    """Return whether the number is in the set."""
    if ranges and ranges[-1][0] <= number:
        return number <= ranges[-1][1]
    index = bisect_right(ranges, (number, number)) - 1
    candidates = ranges[max(index, 0) : index + 2]
    return any(first <= number <= last for first, last in candidates)


def add(ranges: Ranges, number: int) -> Ranges:
    """Return the set with the number in it."""
    if ranges and number == ranges[-1][1] + 1:  # nearly always
        return (*ranges[:-1], (ranges[-1][0], number))
    if contains(ranges, number):
        return ranges
    merged: list[tuple[int, int]] = []
    for first, last in sorted((*ranges, (number, number))):
        if merged and first == merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def count(ranges: Ranges) -> int:
    """Return how many numbers are in the set."""
    return sum(last - first + 1 for first, last in ranges)


def has_gap(ranges: Ranges) -> bool:
    """Return whether a number between the least and the greatest is missing."""
    return len(ranges) > 1
