"""Titles of alerts and tickets in the reader's language. They are stored in English, in a few forms that are read here.

What is in none of these forms (a device's own words, a title of an older version) stays as it is.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from sereno_server.alerts.subject import ENDINGS, FULL, Ending, named
from sereno_server.reads.running_out import resource_name
from sereno_server.reads.words import Words
from sereno_server.rules.catalogue import RULES
from sereno_server.rules.rule import Rule

RESOURCES: Final = (
    *("folder", "filesystem", "inodes", "folder_files", "memory", "swap", "huge_pages", "file_descriptors"),
    *("process_ids", "conntrack", "thin_pool", "thin_pool_metadata", "container_memory", "container_tasks"),
    *("certificate", "battery", "disk_wear", "database"),
)
_FIGURE: Final = r"(?P<figure>: -?[\d.e+-]+(?:%| °C| min| s)?)?"
_SILENT: Final = re.compile(r"Device (?P<name>\S+) (?:is silent|has been silent since (?P<since>\d\d:\d\d UTC))")
_UNLIKE: Final = re.compile(r"Device (?P<name>\S+) behaves unlike before")
_STORM: Final = re.compile(r"(?P<n>\d+) devices: (?P<what>.+) since (?P<since>\d\d:\d\d UTC)")


def titled(title: str, words: Words) -> str:
    """The title in the reader's language."""
    if words.language == "en":
        return title
    for said in (_of_device, _of_rule, _of_resource):
        found = said(title, words)
        if found is not None:
            return found
    return title


def _of_device(title: str, words: Words) -> str | None:
    if match := _SILENT.fullmatch(title):
        name, since = match["name"], match["since"]
        if since is None:
            return words.say("Device {name} is silent", name=name)
        return words.say("Device {name} has been silent since {since}", name=name, since=since)
    if match := _UNLIKE.fullmatch(title):
        return words.say("Device {name} behaves unlike before", name=match["name"])
    if match := _STORM.fullmatch(title):
        what = words.say("silent") if match["what"] == "silent" else titled(match["what"], words)
        return words.say("{n} devices: {what} since {since}", n=match["n"], what=what, since=match["since"])
    return None


def _of_rule(title: str, words: Words) -> str | None:
    for rule, form in _rules():
        if match := form.fullmatch(title):
            thing = match.groupdict().get("object") or ""
            return rule.says.said(words.language, object=thing) + (match["figure"] or "")
    return None


@cache
def _rules() -> list[tuple[Rule, re.Pattern[str]]]:
    """The form of each rule's titles; those that begin with the object last, for they match the most."""
    forms = []
    for rule in sorted(RULES.values(), key=lambda one: one.says.en.startswith("{")):
        form = re.escape(rule.says.en).replace(re.escape("{object}"), "(?P<object>.+?)")
        forms.append((rule, re.compile(form + (_FIGURE if rule.unit is not None else "(?P<figure>)"))))
    return forms


def _of_resource(title: str, words: Words) -> str | None:
    for resource, (form, ways) in _resources().items():
        if match := form.fullmatch(title):
            what = resource_name(resource, match["object"], words)
            said = ways[match["ending"]](words)
            ahead = match["ahead"]
            return f"{what} {said}{_ahead(ahead, words)}" if ahead else f"{what} {said}"
    return None


_Way = Callable[[Words], str]
_WAYS: Final[Mapping[Ending, tuple[_Way, _Way, _Way]]] = {
    FULL: (
        lambda words: words.say("runs full"),
        lambda words: words.say("is full"),
        lambda words: words.say("will be full"),
    ),
    ENDINGS["certificate"]: (
        lambda words: words.say("expires"),
        lambda words: words.say("has expired"),
        lambda words: words.say("expires"),
    ),
    ENDINGS["battery"]: (
        lambda words: words.say("runs empty"),
        lambda words: words.say("is empty"),
        lambda words: words.say("will be empty"),
    ),
    ENDINGS["disk_wear"]: (
        lambda words: words.say("wears out"),
        lambda words: words.say("is worn out"),
        lambda words: words.say("will be worn out"),
    ),
}


@cache
def _resources() -> dict[str, tuple[re.Pattern[str], dict[str, _Way]]]:
    """The form of each resource's titles, the longest names first: a thin pool's metadata is no thin pool."""
    forms = {}
    for resource in sorted(RESOURCES, key=len, reverse=True):
        ending = ENDINGS.get(resource, FULL)
        ways: dict[str, _Way] = dict(zip(ending, _WAYS[ending], strict=True))
        ways["grows towards its limit"] = lambda words: words.say("grows towards its limit")
        endings = "|".join(map(re.escape, ways))
        text = (
            rf"{re.escape(named(resource, ''))} ?(?P<object>.*?) (?P<ending>{endings})(?: (?P<ahead>in .+|within .+))?"
        )
        forms[resource] = (re.compile(text), ways)
    return forms


def _ahead(text: str, words: Words) -> str:
    if text == "within a minute":
        return " " + words.say("within a minute")
    days = re.fullmatch(r"in (\d+) days", text)
    return " " + (
        words.say("in {n} days", n=days[1]) if days else words.say("in {span}", span=text.removeprefix("in "))
    )
