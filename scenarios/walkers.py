"""Users of the activity service.

In a visit one person views the dashboard, team progress and leaderboards, records activities, and sometimes edits or
deletes one.
"""

from datetime import UTC, datetime, timedelta
from http.client import CREATED, NOT_FOUND, OK
from typing import Any

from locust import between

from scenarios.crowd import Guest, Zipf

USERS = Zipf(2_000, 0.6)
MEAN_STEPS = 30  # per visit
WEEK = datetime(2025, 12, 29, tzinfo=UTC)
"""The Monday of the last week in the seeded data."""
SECONDS_SO_FAR = 3 * 86_400
DAYS, SHARES = ("2025-12-31", "2025-12-24", "2025-12-17", "2025-09-10"), (0.6, 0.25, 0.1, 0.05)
"""Days whose leaderboards are requested, and their shares."""


class Walker(Guest):
    """A person with a mean think time of 0.5 s."""

    wait_time = between(0.3, 0.7)
    people, mean_steps = USERS, MEAN_STEPS

    def arrive(self) -> None:
        """Start a visit with the dashboard."""
        super().arrive()
        self.teams, self.known = [1], [1]
        self.look()

    def look(self) -> None:
        """Get the dashboard; keep the teams and the newest activities."""
        answer = self.client.get(f"/dashboards/{self.person}", name="/dashboards/{user_id}")
        if answer.status_code == OK:
            shown = answer.json()
            self.teams = [team["id"] for team in shown["teams"]]
            self.known = [activity["id"] for activity in shown["recent"]] or [1]

    def see_the_team(self) -> None:
        """Get the progress of a team."""
        self.client.get(f"/teams/{self.team()}/progress", name="/teams/{team_id}/progress")

    def compare_in_the_team(self) -> None:
        """Get the leaderboard of a team, of this week or another."""
        url = f"/teams/{self.team()}/leaderboards/{self.day()}"
        self.client.get(url, name="/teams/{team_id}/leaderboards/{day}")

    def compare_with_all(self) -> None:
        """Get the leaderboard of all users."""
        self.client.get(f"/leaderboards/{self.day()}?limit=20", name="/leaderboards/{day}")

    def look_back(self) -> None:
        """Get two pages of earlier activities."""
        url = f"/activities/user/{self.person}?limit=20"
        answer = self.client.get(url, name="/activities/user/{user_id}")
        if answer.status_code == OK and answer.json()["next"]:
            self.client.get(f"{url}&before={answer.json()['next']}", name="/activities/user/{user_id}")

    def record(self) -> None:
        """Create an activity."""
        answer = self.client.post("/activities", json={"user_id": self.person, **self.effort()}, name="/activities")
        if answer.status_code == CREATED:
            self.known.append(answer.json()["id"])

    def upload(self) -> None:
        """Create five activities at once, as a watch does."""
        gathered = {"user_id": self.person, "activities": [self.effort() for _ in range(5)]}
        self.client.post("/activities/bulk", json=gathered, name="/activities/bulk")

    def remark(self) -> None:
        """Change the note of an activity, which changes no total."""
        note = {"note": f"Remark {self.chance.randrange(10**6)}"}
        url = f"/activities/{self.chance.choice(self.known)}"
        with self.client.patch(url, json=note, name="/activities/{id}, a remark", catch_response=True) as answer:
            accept_missing(answer)

    def correct(self) -> None:
        """Change the distance of an activity, which changes totals."""
        distance = {"distance_m": self.chance.randrange(400, 12_000)}
        url = f"/activities/{self.chance.choice(self.known)}"
        with self.client.patch(url, json=distance, name="/activities/{id}, a distance", catch_response=True) as answer:
            accept_missing(answer)

    def remove(self) -> None:
        """Delete an activity."""
        if len(self.known) > 1:
            url = f"/activities/{self.known.pop()}"
            with self.client.delete(url, name="/activities/{id}", catch_response=True) as answer:
                accept_missing(answer)

    def effort(self) -> dict[str, Any]:
        """A random activity of this week."""
        distance, began = self.chance.randrange(400, 12_000), self.chance.randrange(SECONDS_SO_FAR)
        return {
            "team_id": self.team(),
            "distance_m": distance,
            "duration_seconds": distance // 3,
            "source": self.chance.choice(("manual", "watch", "phone")),
            "started_at": (WEEK + timedelta(seconds=began)).isoformat(),
        }

    def team(self) -> int:
        """A random team of the person."""
        return self.chance.choice(self.teams)

    def day(self) -> str:
        """A random day for a leaderboard."""
        (day,) = self.chance.choices(DAYS, SHARES)
        return day

    HABITS = (
        [look, see_the_team, compare_in_the_team, compare_with_all, look_back, record, remark, correct, upload, remove],
        [0.28, 0.16, 0.14, 0.10, 0.10, 0.09, 0.08, 0.02, 0.02, 0.01],
    )


def accept_missing(answer: Any) -> None:  # noqa: ANN401 - Locust has no type for it
    """Count 404 as a success: a parallel visit of the same person may have deleted the activity."""
    if answer.status_code == NOT_FOUND:
        answer.success()
