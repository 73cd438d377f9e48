"""Templates: what every page has, and the words and shapes that templates use."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sereno_server.access.account import Account
from sereno_server.reads import running_out
from sereno_server.reads.rows import ForecastRow
from sereno_server.reads.tickets import TicketCounts
from sereno_server.reads.titles import titled
from sereno_server.reads.words import Words
from sereno_server.web import assets, diffs, fix, i18n
from sereno_server.web.deeds import deed

TEMPLATES = Path(__file__).parent / "templates"
ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
ENVIRONMENT.globals.update(static=assets.address, languages=i18n.LANGUAGES, diff_lines=diffs.lines)


@dataclass(frozen=True)
class Frame:
    """What surrounds a page: who reads it, when, and the counts in the navigation."""

    request: Request
    words: Words
    now: datetime
    account: Account | None = None
    counts: TicketCounts | None = None


def page(frame: Frame, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page. Every value is escaped; nothing in it may be kept by a cache."""
    words = frame.words
    everything: dict[str, Any] = {
        "frame": frame,
        "words": words,
        "now": frame.now,
        "account": frame.account,
        "counts": frame.counts,
        "here": "",
        "say": words.say,
        "say_n": words.say_n,
        "say_html": lambda message, **values: say_html(words, message, **values),
        "script_words": script_words(words),
        "told": fix.told,
        "proof": fix.proof,
        "resource": lambda f: running_out.resource_name(f.resource, f.object, words),
        "fate": lambda f, **how: running_out.fate(f.resource, f.object, words, **how),
        "deed": lambda verb: deed(verb, words),
        "titled": lambda title: titled(title, words),
        "growth": lambda f: growth(f, frame.now, words),
        "full": lambda f: full(f, frame.now),
        **context,
    }
    html = ENVIRONMENT.get_template(template).render(everything)
    response = HTMLResponse(html, status_code=status)
    asked = frame.request.query_params.get("lang")
    if asked in i18n.LANGUAGES:
        response.set_cookie(i18n.LANGUAGE_COOKIE, asked, max_age=365 * 86_400, samesite="lax")
    return response


def say_html(words: Words, message: str, **values: object) -> Markup:
    """A sentence with markup of ours around values that are escaped."""
    return Markup(words.say(message)).format(**values)  # noqa: S704 # the message is a literal of our own templates


def full(forecast: ForecastRow | None, now: datetime) -> bool:
    """True when it has run out already."""
    return (
        forecast is not None
        and forecast.full_at is not None
        and (forecast.full_at <= now or forecast.value >= forecast.capacity)
    )


def growth(forecast: ForecastRow, now: datetime, words: Words) -> str:
    """How fast it grows, in the unit that suits the time left."""
    left_s = (forecast.full_at - now).total_seconds() if forecast.full_at else None
    return words.growth(forecast.resource, forecast.growth_per_s, left_s)


def script_words(words: Words) -> str:
    """The few words that scripts need, as JSON for an attribute of the page."""
    said = {
        "s": words.say("{n} s"),
        "min": words.say("{n} min"),
        "h": words.say("{n} h"),
        "d": words.say("{n} d"),
        "now": words.say("now"),
        "in": words.say("in {span}"),
        "ago": words.say("{span} ago"),
        "live": words.say("Live, last event {span} ago"),
        "quiet": words.say("Live, nothing new yet"),
        "lost": words.say("Connection lost, trying again"),
        "new": words.say("{n} new, show"),
        "copied": words.say("Copied"),
        "used": words.say("used"),
        "forecast": words.say("forecast"),
        "capacity": words.say("full: {amount}"),
        "night": words.say("night"),
    }
    return json.dumps(said, ensure_ascii=False)
