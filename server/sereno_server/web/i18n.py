"""Languages and time zones of the console. Catalogues are .po files, read at start; nothing compiled is kept."""

import io
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request

from sereno_server.reads.words import Words

TRANSLATIONS = Path(__file__).parent / "translations"
LANGUAGES: dict[str, str] = {"en": "English", "es": "Español"}
LANGUAGE_COOKIE = "sereno-language"
ZONE_COOKIE = "sereno-zone"  # set by console.js from the browser's own zone


@cache
def translations(language: str) -> Translations:
    """The catalogue of a language; English is the source and needs none."""
    path = TRANSLATIONS / f"{language}.po"
    if not path.exists():
        return Translations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def reader(request: Request) -> Words:
    """Who reads: `?lang=`, then the cookie, then Accept-Language; the zone is the browser's, UTC until it is known."""
    asked = (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE))
    language = next((a for a in asked if a in LANGUAGES), None) or accepted(request.headers.get("accept-language", ""))
    return Words(language, zone(request.cookies.get(ZONE_COOKIE, "")), translations(language))


def accepted(header: str) -> str:
    """The first of our languages that an Accept-Language header wants most; English when it wants none."""
    wanted: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        quality = parameters.strip().removeprefix("q=") or "1"
        try:
            wanted.append((float(quality), tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    ranked = sorted(wanted, key=lambda pair: -pair[0])
    return next((tag for quality, tag in ranked if quality > 0 and tag in LANGUAGES), "en")


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
