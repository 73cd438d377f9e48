"""What a chart is asked for: which series, over which stretch of time, how wide it is drawn."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from sereno_server.web.chart import Window, zoomed

POINTS = 600  # where the page does not say how wide it is
POINTS_MIN = 120
POINTS_MAX = 1500
MS_MAX = 1 << 52


@dataclass(frozen=True)
class ChartRequest:
    """The query of every chart's address.

    range: a name such as 6h, which moves with time; or start and end, milliseconds, which the reader has chosen.
    width: of the picture, in pixels; 0 when it is not known.
    """

    series: int = 0
    range: Annotated[str, Query(max_length=8)] = ""
    start: Annotated[int, Query(alias="from", ge=0, le=MS_MAX)] = 0
    end: Annotated[int, Query(alias="to", ge=0, le=MS_MAX)] = 0
    width: Annotated[int, Query(ge=0, le=100_000)] = 0

    @property
    def points(self) -> int:
        """How many stretches are worth drawing: one a pixel, within reason."""
        return min(max(self.width, POINTS_MIN), POINTS_MAX) if self.width else POINTS

    def window(self, whole: Window, oldest: int) -> Window:
        """The stretch that was chosen, within what there is, or the whole picture."""
        return zoomed(self.start, self.end, oldest, whole) if self.end > self.start else whole


Asked = Annotated[ChartRequest, Depends()]
