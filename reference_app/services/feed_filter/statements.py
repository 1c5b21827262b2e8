# ruff: noqa: S608 - the joined texts are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement that needs it."""

from typing import get_args

from reference_app.services.feed_filter import entities
from reference_app.services.feed_filter.entities import (
    CLASSIFICATION_COLUMNS,
    CONFIGURATION_COLUMNS,
    COUNTED,
    EVENT_COLUMNS,
    USER_COLUMNS,
)

USERS = f"""
    SELECT {USER_COLUMNS}, ARRAY(SELECT keyword FROM keywords WHERE user_id = users.id ORDER BY id) AS keywords
    FROM users WHERE users.id > %(after)s ORDER BY users.id LIMIT %(limit)s
"""

_SETTINGS = f"""
    SELECT {USER_COLUMNS}, (
        SELECT jsonb_build_object(
            'strictness', strictness, 'least_confidence', least_confidence, 'hides_promotions', hides_promotions
        )
        FROM filter_configurations WHERE user_id = users.id
    ) AS configuration, ARRAY(
        SELECT jsonb_build_object('id', id, 'keyword', keyword) FROM keywords WHERE user_id = users.id ORDER BY id
    ) AS keywords
    FROM users
"""
SETTINGS = {key: f"{_SETTINGS} WHERE users.{key} = %(value)s" for key in get_args(entities.UserKey)}

# From the last thousand events: enough for a warm-up, and found by the primary key.
_LATEST = "FROM (SELECT user_id, post FROM analytics_events ORDER BY id DESC LIMIT 1000) latest"
RECENT_SETTINGS = f"""
    {_SETTINGS} WHERE users.id = ANY (ARRAY(
        SELECT user_id {_LATEST} GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT %(limit)s
    ))
"""
RECENT_CLASSIFICATIONS = f"""
    SELECT {CLASSIFICATION_COLUMNS} FROM classifications WHERE key = ANY (ARRAY(
        SELECT post {_LATEST} GROUP BY post ORDER BY count(*) DESC, post LIMIT %(limit)s
    ))
"""

# The cursor is an event: the page continues below it, whatever was inserted meanwhile.
_EVENTS = """
    SELECT {} FROM analytics_events WHERE user_id = %(user_id)s {}
    ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
_BELOW = "AND (created_at, id) < (SELECT created_at, id FROM analytics_events WHERE id = %(before)s)"
EVENTS = {goes_on: _EVENTS.format(EVENT_COLUMNS, _BELOW if goes_on else "") for goes_on in (False, True)}
"""Events of a user, by whether a cursor is given."""

# Exact however old the view is: it holds whole days up to its last one, and later days are computed here. With a
# nightly refresh that is at most yesterday.
_DAYS = f"""
    SELECT day, events, shown, filtered FROM daily_stats WHERE {{whose}} AND day < %(today)s
    UNION ALL
    SELECT {COUNTED} FROM analytics_events
    WHERE {{whose}} AND created_at < %(today)s
    AND created_at >= coalesce((SELECT max(day) + 1 FROM daily_stats), '-infinity')
    GROUP BY 1
"""
STATISTICS = f"""
    SELECT day, events, shown, filtered FROM ({_DAYS.format(whose="user_id = %(user_id)s")}) days
    ORDER BY day DESC LIMIT %(limit)s
"""
TOTALS = f"""
    SELECT day, sum(events)::bigint AS events, sum(shown)::bigint AS shown, sum(filtered)::bigint AS filtered
    FROM ({_DAYS.format(whose="true")}) days GROUP BY day ORDER BY day DESC LIMIT %(limit)s
"""
CLOSE_DAYS = "REFRESH MATERIALIZED VIEW CONCURRENTLY daily_stats"

# NOT EXISTS avoids consuming an id for an existing row.
ADD_KEYWORD = """
    INSERT INTO keywords (user_id, keyword)
    SELECT id, %(keyword)s FROM users
    WHERE id = %(user_id)s AND NOT EXISTS (SELECT FROM keywords WHERE user_id = users.id AND keyword = %(keyword)s)
    ON CONFLICT (user_id, keyword) DO NOTHING RETURNING id, keyword
"""
CONFIGURE = f"""
    INSERT INTO filter_configurations (user_id, strictness, least_confidence, hides_promotions)
    SELECT id, %(strictness)s, %(least_confidence)s, %(hides_promotions)s FROM users WHERE id = %(user_id)s
    ON CONFLICT (user_id) DO UPDATE SET strictness = excluded.strictness,
        least_confidence = excluded.least_confidence, hides_promotions = excluded.hides_promotions, updated_at = now()
    RETURNING {CONFIGURATION_COLUMNS}
"""
RECORD = f"""
    INSERT INTO analytics_events (user_id, kind, post)
    SELECT id, %(kind)s, %(post)s FROM users WHERE id = %(user_id)s
    RETURNING {EVENT_COLUMNS}
"""
CLASSIFY = f"""
    INSERT INTO classifications (key, label, confidence, model)
    VALUES (%(key)s, %(label)s, %(confidence)s, %(model)s)
    ON CONFLICT (key) DO UPDATE SET label = excluded.label, confidence = excluded.confidence,
        model = excluded.model, classified_at = now()
    RETURNING {CLASSIFICATION_COLUMNS}
"""
