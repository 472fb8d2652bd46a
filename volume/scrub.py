"""Which pages to verify next: all of them in turn, a few at a time, for ever.  Pure."""

from __future__ import annotations

from itertools import islice

from attrs import define

from volume.slots import SlotTable


@define
class ScrubCursor:
    """Where the round through one segment's pages stands."""

    next_page: int = 0
    rounds: int = 0

    def take(self, table: SlotTable, count: int) -> list[int]:
        """The next pages with a base image; a short list ends the round."""
        pages = list(islice(table.pages_from(self.next_page), count))
        if len(pages) < count:
            self.rounds += 1
            self.next_page = 0
        else:
            self.next_page = pages[-1] + 1
        return pages
