"""The child program that runs typical code of user files with Locust's FastHttpUser and the harness's HttpUser.

It prints the results and request events of each use. Locust patches the process that imports it.
"""

from locust import FastHttpUser, User  # isort: skip - first: it patches the process

import gc
import io
import json
import sys
from collections.abc import Callable
from typing import Any

from locust.env import Environment
from locust.exception import ResponseError

from harness.generator import HttpUser

Either = Any  # a user or a response, of Locust or of the harness
Seen = Any  # what it is compared by
Use = Callable[[Either], Seen]
USES: dict[str, Use] = {}


def use(function: Use) -> Use:
    USES[function.__name__] = function
    return function


def told(response: Either) -> dict[str, Seen]:
    content = response.content
    return {
        "status": response.status_code,
        "ok": response.ok,
        "url": response.url,
        "content": content if content is None else content.decode("latin-1"),
        "text": response.text,
        "headers": sorted((name.lower(), value) for name, value in response.headers.items() if name.lower() != "date"),
    }


@use
def verbs(user: Either) -> Seen:
    client = user.client
    asked = [client.get, client.post, client.put, client.patch, client.delete, client.head, client.options]
    return [told(ask("/echo")) for ask in asked]


@use
def statuses(user: Either) -> Seen:
    return [told(user.client.get(f"/status/{status}")) for status in (200, 201, 204, 304, 400, 404, 500, 503)]


@use
def names(user: Either) -> Seen:
    user.client.get("/echo?page=1", name="/echo?page=[n]")
    user.client.get("/echo?page=2", name="")
    with user.client.rename_request("/renamed"):
        user.client.get("/echo")
        user.client.get("/echo", name="/own")
    user.client.request_name = "/grouped"
    user.client.get("/echo")
    user.client.request_name = None
    return told(user.client.get(f"{user.host}/echo"))


@use
def contexts(user: Either) -> Seen:
    user.client.get("/echo", context={"a": 1})
    user.context = lambda: {"user": 7, "a": 0}
    user.client.get("/echo")
    user.client.get("/echo", context={"a": 1})


@use
def queries(user: Either) -> Seen:
    get = user.client.get
    answers = [get("/echo", params={"a": "1 2", "b": "\u00e4&="}), get("/echo?c=3", params={"d": 4})]
    answers += [get("/echo", params=[("a", 1), ("a", 2)]), get("/echo", params={})]
    return [{**told(answer), "url": None} for answer in answers]


@use
def several_values(user: Either) -> Seen:
    return {**told(user.client.get("/echo", params={"a": [1, 2]})), "url": None}


@use
def bodies(user: Either) -> Seen:
    post = user.client.post
    given: list[Any] = [
        "text \u00e4",
        b"\x00bytes",
        {"a": "1 2", "b": "\u00e4"},
        "",
        b"",
        {},
        None,
    ]
    return [told(post("/echo", data=data)) for data in given]


@use
def a_file(user: Either) -> Seen:
    return user.client.post("/echo", data=io.BytesIO(b"a file")).text


@use
def bodies_with_their_type(user: Either) -> Seen:
    post, kind = user.client.post, {"Content-Type": "application/x-own"}
    return [told(post("/echo", data=data, headers=kind)) for data in ("a=b", b"a=b", {"a": "b"})]


@use
def json_bodies(user: Either) -> Seen:
    client = user.client
    given: list[Any] = [{"a": [1, None, "\u00e4"]}, [], 0, "text", False]
    answers = [client.post("/echo", json=value) for value in given]
    answers.append(client.put("/echo", json={"a": 1}, headers={"content-type": "application/x-own", "accept": "x/y"}))
    answers.append(client.patch("/echo", json={"a": 1}))
    answers.append(client.post("/echo", {"form": "wins"}, {"a": 1}))
    answers.append(client.post("/echo", "", {"json": "wins"}))
    return [(told(answer), answer.json()["body"]) for answer in answers]


@use
def forms_with_files(user: Either) -> Seen:
    post, file = user.client.post, io.BytesIO(b"contents")
    file.name = "/some/where/name.txt"
    answers = [
        post("/echo", files={"one": ("a.txt", b"x")}),
        post("/echo", files={"one": ("a.txt", "x", "text/x-own")}, data={"field": "value"}),
        post("/echo", files={"one": ("a.bin", io.BytesIO(b"\x00"))}),
        post("/echo", files={"one": file}),
        post("/echo", files={"one": "plain"}),
    ]
    return [told(answer) for answer in answers]


@use
def passwords(user: Either) -> Seen:
    get = user.client.get
    return [told(get("/echo", auth=pair)) for pair in [("name", "secret"), (b"name", b"se:cret"), ("n\u00e4me", "s")]]


@use
def headers(user: Either) -> Seen:
    get = user.client.get
    answers = [
        get("/echo", headers={"X-Own": "1", "x-default": "mine"}),
        get("/echo", headers={"Accept-Encoding": "br"}),
    ]
    return [told(answer) for answer in [*answers, get("/echo", headers={}), get("/many")]]


@use
def the_case_of_headers(user: Either) -> Seen:
    got = user.client.get("/many").headers
    return [got["content-type"], got["CONTENT-TYPE"], "X-One" in got, "x-two" in got, got.get("nothing")]


@use
def cookies(user: Either) -> Seen:
    user.client.get("/cookie")
    return [told(user.client.get("/echo")), told(user.client.get("/echo", headers={"Cookie": "own=1"}))]


@use
def redirects(user: Either) -> Seen:
    client = user.client
    answers = [client.get("/redirect/302"), client.get("/redirect/302", allow_redirects=False)]
    answers += [client.post(f"/redirect/{status}", data={"a": 1}) for status in (301, 302, 303, 307, 308)]
    answers += [client.put("/redirect/302", data="x"), client.head("/redirect/302")]
    return [{**told(answer), "url": None} for answer in answers]


@use
def compressed(user: Either) -> Seen:
    answers = [user.client.get(f"/compressed/{kind}") for kind in ("gzip", "deflate", "br")]
    return [(answer.text, answer.content.decode()) for answer in answers]


@use
def encodings(user: Either) -> Seen:
    answers = [user.client.get(f"/encoding/{number}") for number in range(4)]
    own = user.client.get("/encoding/0")
    own.encoding = "latin-1"
    return [answer.text for answer in [*answers, own]]


@use
def not_json(user: Either) -> Seen:
    return user.client.get("/encoding/0").json()


@use
def a_server_that_is_not_there(user: Either) -> Seen:
    answer = user.client.get("http://127.0.0.1:1/")
    with user.client.get("http://127.0.0.1:1/", catch_response=True) as caught:
        pass
    return [(r.status_code, r.content, r.text, r.ok, r.url, isinstance(r.error, Exception)) for r in (answer, caught)]


@use
def caught_and_nothing_said(user: Either) -> Seen:
    for path in ("/echo", "/status/404"):
        with user.client.get(path, catch_response=True) as response:
            told(response)


@use
def caught_and_judged(user: Either) -> Seen:
    client = user.client
    with client.get("/status/404", catch_response=True) as response:
        response.success()
    with client.get("/echo", catch_response=True) as response:
        response.failure("too old")
    with client.get("/echo", catch_response=True) as response:
        response.failure(ValueError("too new"))
    with client.get("/echo", catch_response=True) as response:
        response.failure("first")
        response.success()
    with client.get("/echo", catch_response=True) as response:
        response.request_meta["name"] = "/named/later"
        response.request_meta["context"] = {"late": True}


@use
def caught_and_not_a_block(user: Either) -> Seen:
    client, raised = user.client, []
    for attempt in (lambda: client.get("/echo").success(), lambda: client.get("/echo").failure("x")):
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - whatever it is
            raised.append(type(error).__name__)
    for judge in ("success", "failure"):
        try:
            getattr(client.get("/echo", catch_response=True), judge)(*["x"] * (judge == "failure"))
        except Exception as error:  # noqa: BLE001 - whatever it is
            raised.append(type(error).__name__)
    return raised


@use
def raised_in_the_block(user: Either) -> Seen:
    raised = []
    for error in (ResponseError("counts"), ValueError("does not")):
        try:
            with user.client.get("/echo", catch_response=True):
                raise error
        except ValueError as escaped:
            raised.append(str(escaped))
    with user.client.get("/echo", catch_response=True) as response:
        response.success()
        try:
            with user.client.get("/status/500", catch_response=True) as inner:
                inner.failure("said")
                raise ValueError("after it was said")  # noqa: TRY301 - as a block would
        except ValueError as escaped:
            raised.append(str(escaped))
    return raised


@use
def bad_status_raised(user: Either) -> Seen:
    raised = []
    for path in ("/echo", "/status/500"):
        try:
            user.client.get(path).raise_for_status()
        except Exception as error:  # noqa: BLE001 - each client has its own
            raised.append((path, str(500) in str(error)))
    with user.client.get("/status/500", catch_response=True) as response:
        response.success()
        response.raise_for_status()
    return raised


@use
def rest(user: Either) -> Seen:
    seen = []
    with user.rest("POST", "/echo", json={"a": 1}) as response:
        seen.append(response.js["body"])
    with user.rest("GET", "/encoding/0") as response:
        seen.append(response.js)
    with user.rest("GET", "/echo") as response:
        assert response.js["method"] == "POST", "was GET"
    with user.rest("GET", "/echo") as response:
        seen.append(response.js["not there"])
    with user.rest("GET", "http://127.0.0.1:1/", name="gone") as response:
        seen.append(response.js)
    with user.rest("GET", "/status/404") as response:
        seen.append(response.js)
    with user.rest_("GET", "/echo") as response:
        seen.append("_=" in response.js["path"])
    with user.rest_("GET", "/echo?a=1", name="own") as response:
        seen.append("?a=1&_=" in response.js["path"])
    return seen


@use
def what_caught_responses_leave_to_the_collector(user: Either) -> Seen:
    gc.collect()
    for _ in range(10):
        with user.client.get("/echo", catch_response=True) as response:
            response.success()
    del response
    return gc.collect()


@use
def lines(user: Either) -> Seen:
    return list(user.client.iter_lines("/lines"))


@use
def lines_of_a_post(user: Either) -> Seen:
    return list(user.client.iter_lines("/lines", method="POST", name="lines"))


@use
def lines_of_an_error(user: Either) -> Seen:
    try:
        return list(user.client.iter_lines("/status/500"))
    except Exception as error:  # noqa: BLE001 - each client has its own
        return "500" in str(error)


@use
def streams(user: Either) -> Seen:
    whole = user.client.get("/lines", stream=True)
    parts = user.client.get("/length", stream=True)
    joined = "".join(parts.iter_content(chunk_size=3))
    with user.client.get("/length", stream=True, catch_response=True) as caught:
        caught.failure("as it came") if "x" in caught.text else caught.success()
    return [whole.text, joined, told(user.client.get("/echo"))]


@use
def pieces(user: Either) -> Seen:
    return [len(part) for part in user.client.get("/length", stream=True).iter_content(chunk_size=40)]


def main() -> None:
    kinds: dict[str, type[User]] = {"lean": HttpUser, "fast": FastHttpUser}
    json.dump(
        {name: {one: _done(kind, what) for one, what in USES.items()} for name, kind in kinds.items()}, sys.stdout
    )


def _done(kind: type[User], what: Use) -> dict[str, Any]:
    environment = Environment()
    fields = {
        "default_headers": {"X-Default": "1", "User-Agent": "the same"},
        "host": sys.argv[1],
        "connection_timeout": 2,
    }
    user = type("Visitor", (kind,), fields)(environment)
    events: list[Any] = []

    def listen(
        request_type: str,
        name: str,
        response: Either,
        exception: Seen,
        context: Seen,
        response_length: int,
        **rest: Seen,
    ) -> None:
        said = (
            str(exception)
            if response.status_code
            and type(exception).__name__ in {"CatchResponseError", "ValueError", "ResponseError"}
            else ""
        )
        length = None if "compressed" in name else response_length
        known = sorted(rest.keys() - {"url"})
        events.append([request_type, name, response.status_code, exception is not None, said, context, length, known])

    environment.events.request.add_listener(listen)
    try:
        returned = what(user)
    except Exception as error:  # noqa: BLE001 - what a task would have to live with
        returned = f"raised {type(error).__name__}"
    return {"events": events, "returned": returned}


if __name__ == "__main__":
    main()
