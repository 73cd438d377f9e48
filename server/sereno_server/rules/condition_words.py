"""A rule's condition in words, made from the rule itself so that they cannot differ."""

from sereno_server.rules.rule import DAY, HOUR, MINUTE, Beyond, Elsewhere, Falls, Rise, Rule, Share, Size, Text

_MEASURES: dict[type, Text] = {
    Size: Text("size of {series}", "tamaño de {series}"),
    Beyond: Text("{series} less {of}", "{series} menos {of}"),
    Share: Text("{series} as a part of {of}", "{series} como parte de {of}"),
    Rise: Text("rise of {series} within {within}", "aumento de {series} en {within}"),
    Falls: Text("how often {series} went backwards within {within}", "veces que {series} retrocedió en {within}"),
}
_LIMIT = Text("{measure} {sign} {limit}", "{measure} {sign} {limit}")
_HOLD = Text(" for {span}", " durante {span}")
_GOOD = Text(", and it was in order before", ", y antes estaba bien")


def condition(rule: Rule, language: str = "en") -> str:
    """`disk_temperature_celsius ≥ 70 °C for 15 min`."""
    if isinstance(rule.measure, Elsewhere):
        return rule.measure.when.said(language)
    within = span(rule.measure.within_s) if isinstance(rule.measure, Rise | Falls) else ""
    series = rule.series + "".join(f"{{{name}={value}}}" for name, value in rule.where)
    text = _MEASURES.get(type(rule.measure))
    measure = text.said(language, series=series, of=rule.partner, within=within) if text else series
    said = _LIMIT.said(language, measure=measure, sign="≤" if rule.falling else "≥", limit=rule.limit_text(rule.limit))
    if rule.hold_s:
        said += _HOLD.said(language, span=span(rule.hold_s))
    return said + (_GOOD.said(language) if rule.after_good else "")


def span(seconds: float) -> str:
    """`15 min`, `2 h`, `7 d`."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
