"""What the page of an entry says about how it was made: tracks, size, compute and time, each with who says so."""

from __future__ import annotations

from fundus2oct.benchmark.submission_file import tracks
from fundus2oct.leaderboard.number_text import counted
from fundus2oct.leaderboard.ranking import Row


def view_facts(row: Row) -> tuple[tuple[str, str], ...]:
    """Label and text of each fact that is known; none for controls."""
    if row.is_control:
        return ()
    entry, told = row.entry, row.entry.submission
    lines = [("Tracks", ", ".join(tracks(told, images=entry.result["run"]["generator"] == "images")))]
    if told.parameters:
        lines.append(("Parameters", f"{told.parameters:,}, as the team reports"))
    if told.compute:
        lines.append(("Trained on", f"{told.compute} (as the team reports)"))
    if timing := entry.records[-1].timing:
        where = f"{timing['device']}, {counted(timing['threads'], 'thread')}"
        seconds = f"{timing['median_seconds']:.3g} (median of {counted(timing['cases'], 'case')}), "
        lines.append(("Seconds a volume", f"{seconds}slowest {timing['slowest_seconds']:.3g}; measured on {where}"))
    return tuple(lines)
