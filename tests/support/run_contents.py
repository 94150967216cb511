"""What must be equal after a kill and a resume: every file of a folder but logs, locks, times, days and caches."""

from __future__ import annotations

from pathlib import Path

UNCOMPARED = {".lock", "timing.json", "timing.jsonl", "private.log"}


def contents(*folders: Path) -> dict[str, bytes]:
    """Relative path -> bytes of every file that is compared, below all the folders together."""
    found: dict[str, bytes] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            is_compared = path.name not in UNCOMPARED and not path.name.endswith(".filed.json")
            if path.is_file() and is_compared and "cache" not in relative.parts:
                found[f"{folder.name}/{relative.as_posix()}"] = path.read_bytes()
    return found
