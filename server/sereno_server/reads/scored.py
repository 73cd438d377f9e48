"""Everything that was ever said and later scored, forecasts and anomalies alike, as one set of rows to count over."""

from datetime import datetime

from sqlalchemy import CTE, Double, Subquery, and_, case, cast, func, literal, null, select, union_all

from sereno_server.prediction.muting import ANOMALY, WHOLE_DEVICE
from sereno_server.store.tables import alerts, anomalies, forecasts, ratings


def scored(since: datetime) -> Subquery:
    """What was said since then, a row each.

    Columns: organisation_id, id, device_id, predictor, resource, object, made_at, open_s, outcome, outcome_at,
    outcome_why, lead_s, confidence (as first said; null where none is). What people said of its ticket goes before the
    outcome, as `muting.judged` has it.
    """
    verdicts = _verdicts()
    useful = verdicts.c.useful
    word = case(
        (and_(useful.is_(False), forecasts.c.outcome.is_not(None)), "miss"),
        (and_(useful.is_(True), forecasts.c.outcome == "miss"), "withdrawn"),
        else_=forecasts.c.outcome,
    )
    of_forecast = and_(
        verdicts.c.organisation_id == forecasts.c.organisation_id, verdicts.c.forecast_id == forecasts.c.id
    )
    told = (
        select(
            *(forecasts.c[name] for name in ("organisation_id", "id", "device_id", "predictor", "resource", "object")),
            forecasts.c.made_at,
            cast(func.extract("epoch", forecasts.c.updated_at - forecasts.c.made_at), Double).label("open_s"),
            word.label("outcome"),
            forecasts.c.outcome_at,
            forecasts.c.outcome_why,
            forecasts.c.lead_s,
            forecasts.c.first_confidence.label("confidence"),
        )
        .select_from(forecasts.outerjoin(verdicts, of_forecast))
        .where(forecasts.c.made_at >= since)
    )
    lead_s = cast(func.extract("epoch", anomalies.c.outcome_at - anomalies.c.made_at), Double)
    felt = select(
        anomalies.c.organisation_id,
        anomalies.c.id,
        anomalies.c.device_id,
        literal(ANOMALY),
        literal(WHOLE_DEVICE),
        literal(""),
        anomalies.c.made_at,
        cast(func.extract("epoch", anomalies.c.updated_at - anomalies.c.made_at), Double),
        anomalies.c.outcome,
        anomalies.c.outcome_at,
        anomalies.c.outcome_why,
        case((anomalies.c.outcome == "hit", lead_s), else_=null()),
        cast(null(), Double),
    ).where(anomalies.c.made_at >= since)
    return union_all(told, felt).subquery("scored")


def _verdicts() -> CTE:
    """What people said of the tickets of forecasts: useful only when all who spoke say so."""
    same_ticket = and_(alerts.c.organisation_id == ratings.c.organisation_id, alerts.c.ticket_id == ratings.c.ticket_id)
    return (
        select(alerts.c.organisation_id, alerts.c.forecast_id, func.bool_and(ratings.c.useful).label("useful"))
        .join_from(ratings, alerts, same_ticket)
        .where(alerts.c.forecast_id.is_not(None))
        .group_by(alerts.c.organisation_id, alerts.c.forecast_id)
        .cte("verdicts")
    )
