# ruff: noqa: S608 - the joined texts are constants of this package
"""The SQL of the optimized release. Each index of revision 0002 names the statement that needs it."""

from reference_app.services.recommendation import entities
from reference_app.services.recommendation.entities import CONTENT_COLUMNS

# Scans contents in the order of the list and stops at the limit: the cost follows the length of the list, not the size
# of the tables. Subtle: OFFSET 0 keeps each EXISTS a lookup of one index entry per scanned content. Without it the
# planner turns them into joins, and reads all tags or all interactions of the user before the first content. The
# OFFSET 0 of ``reader`` makes the planner read the interests once, not once per row.
# The left join keeps one row for a user with an empty list; no row means that the user does not exist.
RECOMMENDATIONS = """
    SELECT reader.interests, item.id, item.title, item.engagement_score, item.tags
    FROM (
        SELECT users.id, ARRAY(SELECT tag FROM user_interests WHERE user_id = users.id) AS interests
        FROM users WHERE users.id = %(user_id)s OFFSET 0
    ) reader
    LEFT JOIN LATERAL (
        SELECT contents.id, contents.title, contents.engagement_score,
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

SHELVES = {shelf: f"{_CONTENT_WITH_TAGS} {chosen} LIMIT %(limit)s" for shelf, chosen in entities.SHELVES.items()}

INTERESTS = """
    SELECT ARRAY(SELECT tag FROM user_interests WHERE user_id = users.id) AS interests
    FROM users WHERE users.id = %(user_id)s
"""
ACTIVE_INTERESTS = """
    SELECT active.user_id AS id, ARRAY(SELECT tag FROM user_interests WHERE user_id = active.user_id) AS interests
    FROM (
        SELECT DISTINCT user_id FROM user_interactions
        WHERE created_at > (SELECT max(created_at) FROM user_interactions) - interval '1 day'
    ) active
"""

# Serialized: two such updates could lock the same rows in different order.
LOCK_SCORES = "SELECT pg_advisory_xact_lock(hashtext('engagement_scores'))"
_SCORE = """
    (view_count + 5 * like_count + 10 * share_count)
    / (1 + power(2::float8, -least(greatest(extract(epoch FROM %(as_of)s - created_at)::float8 / 86400, 0), 64)))
"""
UPDATE_SCORES = f"UPDATE contents SET engagement_score = {_SCORE} WHERE engagement_score IS DISTINCT FROM {_SCORE}"
