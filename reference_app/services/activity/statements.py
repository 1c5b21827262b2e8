# ruff: noqa: S608 - the joined texts are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement that needs it."""

from reference_app.services.activity.entities import ACTIVITY_COLUMNS, RECENT

DASHBOARD = f"""
    SELECT users.id, users.username, users.distance_m, users.activity_count, ARRAY(
        SELECT jsonb_build_object(
            'id', teams.id, 'name', teams.name, 'goal_m', teams.goal_m, 'distance_m', teams.distance_m,
            'activity_count', teams.activity_count, 'role', own.role,
            'members', (SELECT count(*) FROM team_members WHERE team_id = teams.id),
            'own_distance_m', (
                SELECT coalesce(sum(distance_m), 0) FROM activities WHERE team_id = teams.id AND user_id = users.id
            )
        )
        FROM team_members own JOIN teams ON teams.id = own.team_id WHERE own.user_id = users.id ORDER BY teams.id
    ) AS teams, ARRAY(
        SELECT jsonb_build_object('id', last.id, 'team', name, 'distance_m', last.distance_m, 'private', private)
        FROM (SELECT * FROM activities WHERE user_id = users.id ORDER BY started_at DESC, id DESC LIMIT {RECENT}) last
        JOIN teams ON teams.id = last.team_id ORDER BY last.started_at DESC, last.id DESC
    ) AS recent
    FROM users WHERE users.id = %(user_id)s
"""
PROGRESS = """
    SELECT teams.id, teams.name, teams.goal_m, teams.distance_m, teams.activity_count, ARRAY(
        SELECT jsonb_build_object(
            'user_id', users.id, 'username', users.username, 'role', team_members.role,
            'distance_m', coalesce(done.distance_m, 0), 'activity_count', coalesce(done.activities, 0)
        )
        FROM team_members JOIN users ON users.id = team_members.user_id LEFT JOIN (
            SELECT user_id, sum(distance_m) AS distance_m, count(*) AS activities
            FROM activities WHERE team_id = teams.id GROUP BY user_id
        ) done ON done.user_id = users.id
        WHERE team_members.team_id = teams.id AND users.privacy <> 'private'
        ORDER BY coalesce(done.distance_m, 0) DESC, users.id
    ) AS members
    FROM teams WHERE teams.id = %(team_id)s
"""

# The view holds the leaderboards of recent weeks at its last refresh. A change marks its week as stale in the same
# transaction. Stale and older weeks are computed from activities, so the result is exact however old the view is.
_LEADERBOARD = """
    WITH not_kept AS MATERIALIZED (
        SELECT week FROM (VALUES (%(week)s::date), (%(earlier)s::date)) asked (week)
        WHERE (week >= (SELECT min(week) FROM weekly_places)) IS NOT TRUE
        OR EXISTS (SELECT FROM stale_weeks WHERE stale_weeks.week = asked.week)
    ), counted AS MATERIALIZED (
        SELECT week, user_id, distance_m, count(*) OVER (PARTITION BY week) AS ranked,
            rank() OVER (PARTITION BY week ORDER BY distance_m DESC) AS place
        FROM (
            SELECT {week} AS week, activities.user_id, sum(activities.distance_m) AS distance_m
            FROM activities JOIN users ON users.id = activities.user_id
            WHERE {week} = ANY (ARRAY(TABLE not_kept)) AND NOT activities.private AND {ranked} GROUP BY 1, 2
        ) moved
    )
    SELECT shown.*, users.username, coalesce(kept.place, counted.place) AS earlier_place
    FROM (
        (SELECT user_id, distance_m, ranked, place FROM weekly_places
            WHERE week = %(week)s AND team_id = {team} AND %(week)s NOT IN (TABLE not_kept)
            ORDER BY place, user_id LIMIT %(limit)s)
        UNION ALL
        (SELECT user_id, distance_m, ranked, place FROM counted WHERE week = %(week)s
            ORDER BY place, user_id LIMIT %(limit)s)
    ) shown
    JOIN users ON users.id = shown.user_id
    LEFT JOIN weekly_places kept ON kept.week = %(earlier)s AND kept.team_id = {team} AND kept.user_id = shown.user_id
        AND %(earlier)s NOT IN (TABLE not_kept)
    LEFT JOIN counted ON counted.week = %(earlier)s AND counted.user_id = shown.user_id
    ORDER BY shown.place, shown.user_id
"""
_WEEK = "date_trunc('week', activities.started_at AT TIME ZONE 'UTC')::date"
LEADERBOARD_OF_ALL = _LEADERBOARD.format(week=_WEEK, team=0, ranked="users.privacy = 'public'")
_OF_TEAM = "users.privacy <> 'private' AND activities.team_id = %(team_id)s"
LEADERBOARD_OF_TEAM = f"""
    SELECT listed.* FROM teams LEFT JOIN ({_LEADERBOARD.format(week=_WEEK, team="%(team_id)s", ranked=_OF_TEAM)}) listed
    ON true WHERE teams.id = %(team_id)s ORDER BY listed.place, listed.user_id
"""

HISTORY = f"""
    SELECT {ACTIVITY_COLUMNS}, teams.name AS team FROM activities JOIN teams ON teams.id = activities.team_id
    WHERE activities.user_id = %(user_id)s AND (activities.started_at, activities.id) < (%(moment)s, %(id)s::bigint)
    ORDER BY activities.started_at DESC, activities.id DESC LIMIT %(limit)s
"""

# All or none: inserts nothing where the user is not a member of one of the teams.
RECORD = f"""
    INSERT INTO activities (user_id, team_id, distance_m, duration_seconds, source, note, private, started_at)
    SELECT %(user_id)s, team_id, distance_m, duration_seconds, source, note, private, started_at
    FROM ROWS FROM (
        jsonb_to_recordset(%(efforts)s) AS (
            team_id bigint, distance_m integer, duration_seconds integer, source text, note text, private boolean,
            started_at timestamptz
        )
    ) WITH ORDINALITY AS effort
    WHERE cardinality(%(team_ids)s::bigint[]) = (
        SELECT count(*) FROM team_members WHERE user_id = %(user_id)s AND team_id = ANY (%(team_ids)s::bigint[])
    )
    ORDER BY ordinality RETURNING {ACTIVITY_COLUMNS}
"""
CHANGE = f"""
    UPDATE activities SET distance_m = coalesce(%(distance_m)s, distance_m), note = coalesce(%(note)s, note),
        duration_seconds = coalesce(%(duration_seconds)s, duration_seconds), private = coalesce(%(private)s, private)
    WHERE id = %(activity_id)s RETURNING {ACTIVITY_COLUMNS}
"""
REMOVE = f"DELETE FROM activities WHERE id = %(activity_id)s RETURNING {ACTIVITY_COLUMNS}"
