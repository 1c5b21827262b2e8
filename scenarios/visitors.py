"""Users of the recommendation service, for the demo.

In a visit one signed-in person requests recommendations, opens contents from the list or popular ones, and sometimes
likes, edits or creates one.
"""

from scenarios.crowd import Guest, Zipf

RECOMMENDATIONS, CONTENT, LIKE, EDIT = 0.40, 0.563, 0.033, 0.003  # shares of steps; the rest creates contents
FROM_THE_LIST = 0.9  # share of opened contents; the others come from external links
MEAN_STEPS = 50  # per visit

ACTIVITY, LINKED = Zipf(20_000, 1.1), Zipf(10_000, 1.4)  # external links point to few contents


class Visitor(Guest):
    """Browses contents; a subclass sets the think time."""

    abstract = True
    people, mean_steps = ACTIVITY, MEAN_STEPS

    def arrive(self) -> None:
        """Start a visit with an empty list."""
        super().arrive()
        self.shown: list[int] = []

    def act(self) -> None:
        """Request recommendations, or open, like, edit or create a content."""
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
        """Request recommendations and keep the list."""
        answer = self.client.get(f"/recommendations/{self.person}?limit=10", name="/recommendations/{user_id}")
        if answer.status_code == 200:  # noqa: PLR2004 - an HTTP status
            self.shown = [item["id"] for item in answer.json()["items"]] or [1]

    def choose(self) -> int:
        """A content to open, from the list or from an external link."""
        if self.chance.random() < FROM_THE_LIST:
            return self.chance.click(self.shown)
        return self.chance.popular(LINKED)
