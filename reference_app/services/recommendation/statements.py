# ruff: noqa: S608 - what is joined here are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement here that needs it."""

from reference_app.services.recommendation.entities import CONTENT_COLUMNS

# Walks contents in the order of the answer and stops at the limit: its cost follows the length of the list, not of the
# tables. Subtle: OFFSET 0 keeps each EXISTS a probe of one index entry per content walked. Without it the planner
# turns them into joins, and reads all tags or all interactions of the user before the first content. The OFFSET 0 of
# ``reader`` has the interests read once, not once per row.
# The left join keeps one row for a user with an empty list; no row means no such user.
RECOMMENDATIONS = """
    SELECT reader.interests, item.id, item.title, item.engagement_score, item.tags
    FROM (
        SELECT users.id, ARRAY(SELECT tag FROM user_interests WHERE user_id = users.id) AS interests
        FROM users
        WHERE users.id = %(user_id)s
        OFFSET 0
    ) reader
    LEFT JOIN LATERAL (
        SELECT
            contents.id,
            contents.title,
            contents.engagement_score,
            ARRAY(SELECT tag FROM content_tags WHERE content_id = contents.id) AS tags
        FROM contents
        WHERE (
            cardinality(reader.interests) = 0
            OR EXISTS (
                SELECT FROM content_tags WHERE content_id = contents.id AND tag = ANY (reader.interests) OFFSET 0
            )
        )
        AND NOT EXISTS (
            SELECT FROM user_interactions WHERE user_id = reader.id AND content_id = contents.id OFFSET 0
        )
        ORDER BY contents.engagement_score DESC, contents.id
        LIMIT %(limit)s
    ) item ON true
    ORDER BY item.engagement_score DESC, item.id
"""

_CONTENT_WITH_TAGS = f"""
    SELECT {CONTENT_COLUMNS}, ARRAY(SELECT tag FROM content_tags WHERE content_id = contents.id) AS tags
    FROM contents
"""
CONTENT = f"{_CONTENT_WITH_TAGS} WHERE contents.id = %(content_id)s"
TOP_CONTENTS = f"{_CONTENT_WITH_TAGS} ORDER BY contents.engagement_score DESC, contents.id LIMIT %(limit)s"

# Returns no row when the creator does not exist.
CREATE_CONTENT = f"""
    WITH created AS (
        INSERT INTO contents (creator_id, title, body)
        SELECT users.id, %(title)s, %(body)s FROM users WHERE users.id = %(creator_id)s
        RETURNING {CONTENT_COLUMNS}
    ),
    tagged AS (
        INSERT INTO content_tags (content_id, tag)
        SELECT created.id, tag FROM created, unnest(%(tags)s::text[]) AS tag
    )
    SELECT * FROM created
"""

UPDATE_CONTENT = f"""
    UPDATE contents SET title = %(title)s, body = %(body)s, updated_at = now()
    WHERE id = %(content_id)s
    RETURNING {CONTENT_COLUMNS}
"""
# Answers the tags that the content gained.
REPLACE_TAGS = """
    WITH lost AS (
        DELETE FROM content_tags WHERE content_id = %(content_id)s AND tag <> ALL (%(tags)s::text[])
    )
    INSERT INTO content_tags (content_id, tag)
    SELECT %(content_id)s, tag FROM unnest(%(tags)s::text[]) AS tag
    WHERE NOT EXISTS (SELECT FROM content_tags had WHERE had.content_id = %(content_id)s AND had.tag = tag.tag)
    RETURNING tag
"""

RECORD_INTERACTION = """
    WITH found AS (SELECT EXISTS (SELECT FROM users WHERE id = %(user_id)s) AS user_exists),
    counted AS (
        UPDATE contents SET
            view_count = view_count + (%(kind)s = 'view')::int,
            like_count = like_count + (%(kind)s = 'like')::int,
            share_count = share_count + (%(kind)s = 'share')::int
        WHERE id = %(content_id)s AND (SELECT user_exists FROM found)
        RETURNING id
    ),
    recorded AS (
        INSERT INTO user_interactions (user_id, content_id, kind)
        SELECT %(user_id)s, counted.id, %(kind)s FROM counted
        RETURNING id
    )
    SELECT user_exists, (SELECT id FROM recorded) AS interaction_id FROM found
"""

# One at a time: two such updates could meet the same rows in different order.
PREPARE_SCORES = """
    SELECT set_config('statement_timeout', %(timeout)s, true), pg_advisory_xact_lock(hashtext('engagement_scores'))
"""
_SCORE = """
    (view_count + 5 * like_count + 10 * share_count)
    / (1 + power(2::float8, -least(greatest(extract(epoch FROM %(as_of)s - created_at)::float8 / 86400, 0), 64)))
"""
UPDATE_SCORES = f"UPDATE contents SET engagement_score = {_SCORE} WHERE engagement_score IS DISTINCT FROM {_SCORE}"
