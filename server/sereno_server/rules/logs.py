"""Rules about what devices say: templates of log lines that are new and bad, too many, or gone (prediction/voices)."""

from sereno_proto.limits import EXPLAINED_LATE_S
from sereno_server.rules.rule import Elsewhere, Rule, Text

_LOOK = Text("Its lines are on the device's page of logs.", "Sus líneas están en la página de registros del equipo.")


def _said(name: str, says: Text, when: Text) -> Rule:
    return Rule(
        name=name,
        series="",
        resource="log",
        object="source",
        says=says,
        advice=_LOOK,
        severity="watch",
        measure=Elsewhere(when),
        limit=1,
        clear=1,
        hold_s=EXPLAINED_LATE_S,
    )


LOGS: tuple[Rule, ...] = (
    _said(
        "log_new",
        Text("{object} gives an error that is new", "{object} da un error nuevo"),
        Text(
            "an error that was not heard in three days or more comes five times, or a critical one once",
            "un error que no se oyó en tres días o más llega cinco veces, o uno crítico una vez",
        ),
    ),
    _said(
        "log_burst",
        Text("{object} repeats a warning far more often than ever", "{object} repite un aviso mucho más que nunca"),
        Text(
            "a warning or worse comes 50 times in an hour, and five times as often as in the worst hour before",
            "un aviso o algo peor llega 50 veces en una hora, y cinco veces más que en la peor hora anterior",
        ),
    ),
    _said(
        "log_vanished",
        Text("{object} no longer says what it said every hour", "{object} ya no dice lo que decía cada hora"),
        Text(
            "a line that came every hour for three days or more has not come for six, while its source goes on",
            "una línea que llegó cada hora tres días o más lleva seis sin llegar, mientras su origen sigue",
        ),
    ),
)
