"""Brings the .po files up to date: `python -m sereno_server.web.catalogue`, then translate what is empty.

A test fails while a message has no translation or a translation no message.
"""

from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from sereno_server.web.i18n import LANGUAGES, TRANSLATIONS

SERVER = Path(__file__).parent.parent
METHODS = [("reads/**.py", "python"), ("web/**.py", "python"), ("web/templates/**.html", "jinja2")]
SAME_DAY = datetime(2026, 11, 21, tzinfo=UTC)  # a date that moved would make every update a change
KEYWORDS = {"say": None, "say_html": None, "say_n": (1, 2)}


def extract() -> Catalog:
    """Every message of Python and templates, in the order of the files."""
    catalogue = Catalog(project="sereno", charset="utf-8", fuzzy=False)
    found = extract_from_dir(SERVER, METHODS, {"web/templates/**.html": {"silent": "false"}}, keywords=KEYWORDS)
    for filename, _, message, _, _ in found:
        catalogue.add(message, locations=[(filename, 0)])
    return catalogue


def read(language: str) -> Catalog:
    """The catalogue of a language as it stands."""
    with (TRANSLATIONS / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> tuple[int, int]:
    """Adds what is new, drops what is gone; gives how many are untranslated and how many there are."""
    path = TRANSLATIONS / f"{language}.po"
    known = read(language) if path.exists() else Catalog(locale=language, project="sereno", charset="utf-8")
    known.update(extract(), no_fuzzy_matching=True)
    known.obsolete.clear()
    known.header_comment = f"# The console in {LANGUAGES[language]}. Made up to date by web/catalogue.py."
    known.fuzzy, known.version, known.msgid_bugs_address = False, "1", ""
    known.last_translator = known.language_team = ""
    known.creation_date = known.revision_date = SAME_DAY
    with path.open("wb") as file:
        write_po(file, known, width=110, omit_header=False, include_lineno=False, sort_by_file=True)
    messages = [m for m in known if m.id]
    return len([m for m in messages if not translated(m.string)]), len(messages)


def translated(string: object) -> bool:
    """True when every form of a translation is there."""
    return all(string) if isinstance(string, tuple | list) else bool(string)


if __name__ == "__main__":
    for path in sorted(TRANSLATIONS.glob("*.po")):
        missing, total = update(path.stem)
        print(f"{path.stem}: {total} messages, {missing} to translate")  # noqa: T201 # a command's answer
