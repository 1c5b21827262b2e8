"""Statements that find nothing where all is right: totals are sums, and what the view does not show is marked."""

_WRONG = """
    SELECT '{owners}', id FROM {owners} WHERE (distance_m, activity_count) <> (
        SELECT coalesce(sum(a.distance_m), 0), count(*) FROM activities a WHERE a.{owner}_id = {owners}.id
    )
"""
TOTALS = " UNION ALL ".join(_WRONG.format(owners=f"{owner}s", owner=owner) for owner in ("user", "team"))
"""Users and teams whose totals are not those of their activities."""
_COUNTED = """
    SELECT week, team, user_id, sum(a.distance_m)::bigint AS distance_m
    FROM (SELECT *, date_trunc('week', started_at AT TIME ZONE 'UTC')::date AS week FROM activities) a
    JOIN users ON users.id = user_id
    CROSS JOIN LATERAL (VALUES (team_id, privacy <> 'private'), (0::bigint, privacy = 'public')) scopes (team, shown)
    WHERE NOT private AND shown GROUP BY 1, 2, 3
"""
UNMARKED = f"""
    WITH counted AS ({_COUNTED}), kept AS (SELECT week, team_id, user_id, distance_m FROM weekly_places)
    SELECT * FROM ((TABLE counted EXCEPT TABLE kept) UNION (TABLE kept EXCEPT TABLE counted)) other
    WHERE week NOT IN (SELECT week FROM stale_weeks) AND week >= (SELECT min(week) FROM weekly_places)
"""
"""What the view has otherwise than the activities, of its weeks that are not marked as stale."""
PLACES = """
    SELECT * FROM weekly_places w WHERE (place, ranked) <> (
        SELECT 1 + count(*) FILTER (WHERE o.distance_m > w.distance_m), count(*)
        FROM weekly_places o WHERE (o.week, o.team_id) = (w.week, w.team_id)
    )
"""
"""Places of the view that are not by the distances in it."""
