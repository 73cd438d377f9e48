"""One way to look at many series: as they are, or by their floor over a cycle. Says which are filling, and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from sereno_server.prediction.climbs import Climbs, Pace
from sereno_server.prediction.columns import Columns, Flags, Floats, Rows
from sereno_server.prediction.floors import Floors

DAY_S = 86_400.0
BEND_SHARE = 1 / 3  # of the present pace: a climb that was slower than that before its knee was quiet
NEAR_SHARE = 0.05  # a time that should have come already is put this share of the time once left ahead


@dataclass(frozen=True)
class Tuning:
    """The one frozen configuration. Figures are shares and factors; only the day is a length of time."""

    release: float = 0.25  # a fall of this share of a climb ends it
    margin: float = 1.2  # a climb up to this many times the record is nothing new
    mark_share: float = 0.25  # nor is a level above the high mark by this share of the room left there
    opens: float = 0.2  # a forecast opens when something new has used up this share of the room
    closes: float = 0.12  # and stays until the share falls below this
    unproven_opens: float = 0.8  # what it takes when the climb is brief, or too little is known of the time before it
    quiet_share: float = 0.3  # enough is known when the time before the climb is this share of the climb
    brief_s: float = DAY_S / 10  # a climb is not brief once it has lasted this long
    brief_age_share: float = 0.01  # or this share of the time the series is known
    going_on: float = 0.5  # a brief climb has to go on at this share of its pace to open anything
    held_share: float = 0.1  # of a brief climb's length for which it has to be proven
    samples_min: int = 3
    carry: float = 4.0  # how many times its own length a climb may be carried forward when a forecast opens


RAW = Tuning()
FLOOR = Tuning(held_share=0.0, release=0.5, opens=0.5, closes=0.2, unproven_opens=0.5)


@dataclass(frozen=True)
class Sight:
    """What a view sees, one entry a row asked for.

    open: filling; left_s: seconds until full (inf = not known); share: of the room used up by something new.
    pace holds the rows at `at`, the positions that are open.
    """

    open: Flags
    left_s: Floats
    share: Floats
    at: Rows
    pace: Pace


class View(Columns):
    """One way to look at `size` series."""

    def __init__(self, size: int, tuning: Tuning, cycle_s: float = 0.0) -> None:
        super().__init__(size)
        self.tuning = tuning
        self.climbs = Climbs(size, tuning.release, has_top=cycle_s > 0)
        self.floors = Floors(size, cycle_s) if cycle_s else None
        self.open = self.flags("open")
        self.due_at = self.floats("due_at", np.nan)  # since when all speaks for opening

    def parts(self) -> list[Columns]:
        """Everything that holds state."""
        return [self, self.climbs, *([self.floors] if self.floors else [])]

    def look(  # noqa: PLR0917 (columns of the same rows)
        self, rows: Rows, at: Floats, value: Floats, capacity: Floats, age_s: Floats, others: Sequence["View"] = ()
    ) -> Sight:
        """Takes one sample for each of the rows.

        age_s: how long each series has been known; others: the views that have seen the sample already, the raw one
        first.
        """
        step_s = np.minimum(at - self.climbs.last_at[rows], age_s)
        top = self._observe(rows, at, value)
        room = np.maximum(capacity - top, 0.0)
        share = self._share(rows, capacity, room)
        was = self.open[rows]
        open_ = np.where(was, share > self.tuning.closes, share >= self.tuning.opens)
        open_ &= was | (self.climbs.samples[rows] >= self.tuning.samples_min)
        places = np.nonzero(open_)[0]
        pace = self.climbs.pace(rows[places], room[places], top[places])
        left = np.divide(room[places], pace.rate, out=np.full(len(places), np.inf), where=pace.rate > 0)
        new = ~was[places]
        proven = self._proven(rows[places], at[places], share[places], left, pace, age_s[places])
        self.due_at[rows[~open_ | was]] = np.nan
        stays = ~new | self._held(rows[places], at[places], step_s[places], at[places] - pace.onset, proven)
        open_[places[~stays]] = False
        self.open[rows] = open_
        if others and len(places):
            left = self._at_the_ceiling(others, rows[places], at[places], value[places], capacity[places], left)
        left[pace.stalled] = np.inf
        left_s = np.full(len(rows), np.inf)
        left_s[places[stays]] = left[stays]
        kept = Pace(*(getattr(pace, one.name)[stays] for one in fields(Pace)))
        return Sight(open_, left_s, share, places[stays], kept)

    def _observe(self, rows: Rows, at: Floats, value: Floats) -> Floats:
        """Feeds the climbs and gives the level that will touch the capacity."""
        if self.floors is None:
            self.climbs.observe(rows, at, value)
            return value
        due = self.floors.observe(rows, at, value)
        top = self.floors.ceiling(rows)
        self.climbs.observe(rows[due], at[due], self.floors.floor[rows[due]], top[due])
        return top

    def _at_the_ceiling(  # noqa: PLR0917 (columns of the same rows)
        self, others: Sequence["View"], rows: Rows, at: Floats, value: Floats, capacity: Floats, left: Floats
    ) -> Floats:
        """The time left when the limit can be met only where the cycle has its ceiling.

        `left` counts from the moment the ceiling was touched. Until it is touched again a day has to pass, or the
        series has to climb there at the pace it has now.
        """
        assert self.floors is not None
        age = self.floors.ceiling_age_s(rows, at)
        top = self.floors.ceiling(rows)
        for other in others[1:]:  # a shorter cycle knows better when that was
            assert other.floors is not None
            same = other.floors.ceiling(rows) >= top
            age[same] = other.floors.ceiling_age_s(rows, at)[same]
        room = np.maximum(capacity - value, 0.0)
        pace = others[0].climbs.pace(rows, room, value)
        lift = np.divide(room, pace.rate, out=np.full(len(rows), np.inf), where=(pace.rate > 0) & ~pace.stalled)
        again = np.minimum(np.maximum(DAY_S - age, 0.0), lift)
        met: Floats = np.maximum(np.maximum(left - age, again), NEAR_SHARE * left)
        return met

    def _share(self, rows: Rows, capacity: Floats, room: Floats) -> Floats:
        """Share of the room that has been used up beyond what the series has done before, one-off steps left out."""
        climbs = self.climbs
        known = np.nonzero(climbs.points[rows] > 0)[0]
        named = rows[known]
        reach = climbs.reach(named, capacity[known], self.tuning.margin, self.tuning.mark_share)
        gain = np.maximum(climbs.last[named] - climbs.step(named) - reach, 0.0)
        share = np.zeros(len(rows))
        share[known] = np.divide(gain, gain + room[known], out=np.zeros(len(known)), where=gain > 0)
        return share

    def _held(self, rows: Rows, at: Floats, step_s: Floats, lasted: Floats, proven: Flags) -> Flags:
        """Whether a climb was proven for a share of its length: many a copy ends with the sample that seems to tell.

        A sample speaks for the time since the one before, so that rows that are far apart wait for no other.
        """
        due = np.where(proven & np.isnan(self.due_at[rows]), at, self.due_at[rows])
        self.due_at[rows] = np.where(proven, due, np.nan)
        needed_s = self.tuning.held_share * np.minimum(lasted, self.tuning.brief_s)
        flags: Flags = proven & (at - np.nan_to_num(due) + step_s >= needed_s)
        return flags

    def _proven(  # noqa: PLR0917 (six columns of the same rows)
        self, rows: Rows, at: Floats, share: Floats, left: Floats, pace: Pace, age_s: Floats
    ) -> Flags:
        """Whether enough was seen to open: the briefer the climb, and the less is known before, the more it takes."""
        tuning = self.tuning
        lasted = np.maximum(at - pace.onset, 1e-9)
        bent = pace.before < BEND_SHARE * pace.rate  # what came before the knee was quiet, not the same growth
        climbed = np.where(bent, lasted, at - self.climbs.trough_at[rows])
        before = np.maximum(age_s - climbed, 0.0)
        brief = np.minimum(tuning.brief_age_share * age_s, tuning.brief_s)
        doubt = np.maximum(
            1.0 - before / np.maximum(tuning.quiet_share * climbed, 1e-9), 1.0 - lasted / np.maximum(brief, 1e-9)
        )
        need = tuning.opens + (tuning.unproven_opens - tuning.opens) * np.clip(doubt, 0.0, 1.0)
        ended = (lasted < tuning.brief_s) & (pace.newest < tuning.going_on * pace.rate)  # a copy, no fill
        flags: Flags = (share >= need) & (left <= tuning.carry * lasted) & ~ended
        return flags
