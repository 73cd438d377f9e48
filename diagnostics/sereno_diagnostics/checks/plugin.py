"""A plugin that speaks the Nagios protocol and that the policy lists: its exit code, its words, its figures."""

from sereno_diagnostics import nagios
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Plugin"
PARAMETERS = (Parameter("plugin", "plugin", "the plugin, which the policy lists with all its arguments"),)
READS = ("plug",)
TIMEOUT_S = 55.0
SEVERITIES = {"failing": "critical", "serious": "warning", "note": "unknown, not started, or it exceeded a limit"}
FIGURES = {
    "exit_code": "0 fine, 1 warning, 2 critical, 3 unknown",
    "seconds": "how long it took",
    "value": "the first figure of its performance data; missing without any",
    "left_processes": "processes that it left behind, which were ended",
}
FIGURES_MAX = 24
_SEVERITIES = {0: FINE, 1: SERIOUS, 2: FAILING}
_WORDS = {"time": "exceeded its time and was ended", "output": "wrote too much and was ended"}


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. Each figure of its performance data stands in the evidence, with its unit and limits."""
    wanted = reader.allowed.plugin(str(values["plugin"]))
    started = reader.clock()
    ended = reader.probe("plug").plug(wanted.command, wanted.timeout_s)
    figures = {"exit_code": float(ended.exit_code), "seconds": reader.clock() - started, "left_processes": ended.left}
    if ended.error or ended.overrun:
        title = f"{wanted.name} {_WORDS.get(ended.overrun) or f'cannot be started: {ended.error}'}"
        return [
            finding(NOTE, title, evidence=[("began with", ended.output[:200])], figures={**figures, "exit_code": 3})
        ]
    said = nagios.parse(ended.output)
    if said.figures:
        figures["value"] = said.figures[0].value
    return [
        finding(
            _SEVERITIES.get(ended.exit_code, NOTE),
            f"{wanted.name}: {said.text or 'it said nothing'}",
            evidence=[
                *((("left behind", f"{ended.left} processes, which were ended"),) if ended.left else ()),
                *((one.label, one.words) for one in said.figures[:FIGURES_MAX]),
                *(("more", line) for line in said.more[:4]),
            ],
            figures=figures,
        )
    ]
