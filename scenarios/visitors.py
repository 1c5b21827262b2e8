"""People who use the recommendation service, for the demo.

A visitor is one signed-in person at a time: asks for recommendations, opens what they show or what is popular, now and
then likes something, and after a while makes room for the next person.
"""

from scenarios.crowd import Guest, Ranks

RECOMMENDATIONS, CONTENT, LIKE, EDIT = 0.40, 0.563, 0.033, 0.003  # shares of a visitor's steps; the rest creates
FROM_THE_LIST = 0.9  # of the contents that are opened; the others come by a link from elsewhere
MEAN_STEPS = 50  # of one person's visit

ACTIVITY, LINKED = Ranks(20_000, 1.1), Ranks(10_000, 1.4)  # links that go round point to few contents


class Visitor(Guest):
    """Browses; a subclass says how long it thinks between two steps."""

    abstract = True
    people, mean_steps = ACTIVITY, MEAN_STEPS

    def arrive(self) -> None:
        """The next person has not been shown anything yet."""
        super().arrive()
        self.shown: list[int] = []

    def act(self) -> None:
        """Ask, open, like, change or create something."""
        draw = self.chance.random()
        if not self.shown or draw < RECOMMENDATIONS:
            self.ask()
        elif draw < RECOMMENDATIONS + CONTENT:
            self.client.get(f"/content/{self.choose()}", name="/content/{id}")
        elif draw < RECOMMENDATIONS + CONTENT + LIKE:
            liked = {"user_id": self.person, "content_id": self.choose(), "kind": "like"}
            self.client.post("/interactions", json=liked, name="/interactions")
        elif draw < RECOMMENDATIONS + CONTENT + LIKE + EDIT:
            self.client.put(f"/content/{self.choose()}", json=self.chance.article(), name="/content/{id}")
        else:
            self.client.post("/content", json={"creator_id": self.person, **self.chance.article()}, name="/content")

    def ask(self) -> None:
        """Ask for recommendations and remember what they show."""
        answer = self.client.get(f"/recommendations/{self.person}?limit=10", name="/recommendations/{user_id}")
        if answer.status_code == 200:  # noqa: PLR2004 - HTTP's own number
            self.shown = [item["id"] for item in answer.json()["items"]] or [1]

    def choose(self) -> int:
        """A content to open: from the list, or by a link."""
        if self.chance.random() < FROM_THE_LIST:
            return self.chance.attracted(self.shown)
        return self.chance.popular(LINKED)
