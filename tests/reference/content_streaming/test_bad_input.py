"""What is refused, how, and with which words: the same for both releases."""

from tests.reference.refusals import refusal_test
from tests.reference.running import Client

CHANGE = {"title": "t", "description": "d"}
NEW = CHANGE | {"creator_id": 1, "duration_seconds": 60}
VIEW = {"user_id": 1, "seconds_watched": 1}


test_is_refused_with_a_clear_message = refusal_test(
    ("GET", "/videos/x", None, 422, "video_id: must be a whole number from 1 to"),
    ("GET", "/videos/99999", None, 404, "video 99999 does not exist"),
    ("GET", "/videos/popular?limit=101", None, 422, "limit: must be a whole number from 1 to 100"),
    ("GET", "/creators/0", None, 422, "creator_id: must be"),
    ("GET", "/creators/99999", None, 404, "creator 99999 does not exist"),
    ("GET", "/creators/by-handle/No", None, 422, "handle: must be 1 to 40 of a-z, 0-9 and -"),
    ("GET", "/creators/by-handle/nobody", None, 404, "creator nobody does not exist"),
    ("GET", "/users/x/views", None, 422, "user_id: must be"),
    ("POST", "/videos", CHANGE, 422, "creator_id: Field required; duration_seconds: Field required"),
    ("POST", "/videos", NEW | {"creator_id": 99999}, 404, "creator 99999 does not exist"),
    ("POST", "/videos", NEW | {"duration_seconds": 86_401}, 422, "duration_seconds: Input should be less than"),
    ("POST", "/videos", NEW | {"status": "published"}, 422, "status: Extra inputs are not permitted"),
    ("PUT", "/videos/1", CHANGE | {"title": "a\0b"}, 422, "title: Value error, must not contain NUL"),
    ("PUT", "/videos/99999", CHANGE, 404, "video 99999 does not exist"),
    ("POST", "/videos/99999/publish", None, 404, "video 99999 does not exist"),
    ("POST", "/videos/6/publish", None, 409, "video 6 has no finished job"),
    ("POST", "/videos/99999/jobs", {"rendition": "240p"}, 404, "video 99999 does not exist"),
    ("POST", "/videos/1/jobs", {"rendition": "100p"}, 422, "rendition: Input should be '240p', '360p'"),
    ("POST", "/videos/114/jobs", {"rendition": "1440p"}, 409, "video 114 has an unfinished job for 1440p"),
    ("POST", "/jobs/claim", {"worker": "w 1"}, 422, "worker: String should match"),
    ("POST", "/jobs/99999/finish", {"status": "failed"}, 404, "job 99999 does not exist"),
    ("POST", "/jobs/1/finish", {"status": "queued"}, 422, "status: Input should be 'finished' or 'failed'"),
    ("POST", "/jobs/1/finish", {"status": "failed"}, 409, "job 1 is finished, not running"),
    ("POST", "/videos/99999/views", VIEW, 404, "video 99999 does not exist"),
    ("POST", "/videos/1/views", VIEW | {"user_id": "1"}, 422, "user_id: Input should be a valid integer"),
    ("POST", "/videos/1/views", VIEW | {"seconds_watched": -1}, 422, "seconds_watched: Input should be greater"),
    ("DELETE", "/videos/1", None, 405, "Method Not Allowed"),
)


def test_nothing_to_claim_is_not_found(either: Client) -> None:
    while (answer := either.send("POST", "/jobs/claim", {"worker": "w-1"})).status == 200:
        pass
    assert answer.status == 404
    assert answer.body == {
        "error": {"code": "not_found", "message": "queued job for worker w-1 does not exist"},
    }
