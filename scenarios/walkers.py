"""People who move for their teams: the measured load of the activity service.

A walker is one person at a time: looks at the dashboard, at the team and at who is ahead, records what was done, now
and then corrects it, and after a while makes room for the next person.
"""

from datetime import UTC, datetime, timedelta
from http.client import CREATED, NOT_FOUND, OK
from typing import Any

from locust import between

from scenarios.crowd import Guest, Ranks

USERS = Ranks(2_000, 0.6)
MEAN_STEPS = 30  # of one visit
WEEK = datetime(2025, 12, 29, tzinfo=UTC)
"""The Monday of the week that is under way where the generated data ends."""
SECONDS_SO_FAR = 3 * 86_400
DAYS, ATTENTION = ("2025-12-31", "2025-12-24", "2025-12-17", "2025-09-10"), (0.6, 0.25, 0.1, 0.05)
"""Days of the weeks whose places people look at."""


class Walker(Guest):
    """Thinks for half a second between two steps."""

    wait_time = between(0.3, 0.7)
    people, mean_steps = USERS, MEAN_STEPS

    def arrive(self) -> None:
        """The next person comes in and sees what is theirs."""
        super().arrive()
        self.teams, self.known = [1], [1]
        self.look()

    def look(self) -> None:
        """The dashboard; remembers the teams and the newest activities."""
        answer = self.client.get(f"/dashboards/{self.person}", name="/dashboards/{user_id}")
        if answer.status_code == OK:
            shown = answer.json()
            self.teams = [team["id"] for team in shown["teams"]]
            self.known = [activity["id"] for activity in shown["recent"]] or [1]

    def see_the_team(self) -> None:
        """How far the team has come."""
        self.client.get(f"/teams/{self.team()}/progress", name="/teams/{team_id}/progress")

    def compare_in_the_team(self) -> None:
        """Who of the team is ahead, this week or another."""
        url = f"/teams/{self.team()}/leaderboards/{self.day()}"
        self.client.get(url, name="/teams/{team_id}/leaderboards/{day}")

    def compare_with_all(self) -> None:
        """Who of all is ahead."""
        self.client.get(f"/leaderboards/{self.day()}?limit=20", name="/leaderboards/{day}")

    def look_back(self) -> None:
        """What was done before, two pages of it."""
        url = f"/activities/user/{self.person}?limit=20"
        answer = self.client.get(url, name="/activities/user/{user_id}")
        if answer.status_code == OK and answer.json()["next"]:
            self.client.get(f"{url}&before={answer.json()['next']}", name="/activities/user/{user_id}")

    def record(self) -> None:
        """Record what was just done."""
        answer = self.client.post("/activities", json={"user_id": self.person, **self.effort()}, name="/activities")
        if answer.status_code == CREATED:
            self.known.append(answer.json()["id"])

    def upload(self) -> None:
        """Hand over what a watch has gathered."""
        gathered = {"user_id": self.person, "activities": [self.effort() for _ in range(5)]}
        self.client.post("/activities/bulk", json=gathered, name="/activities/bulk")

    def remark(self) -> None:
        """Say something about an activity, which changes nothing that is counted."""
        note = {"note": f"Remark {self.chance.randrange(10**6)}"}
        url = f"/activities/{self.chance.choice(self.known)}"
        with self.client.patch(url, json=note, name="/activities/{id}, a remark", catch_response=True) as answer:
            forgive(answer)

    def correct(self) -> None:
        """It was not that far."""
        distance = {"distance_m": self.chance.randrange(400, 12_000)}
        url = f"/activities/{self.chance.choice(self.known)}"
        with self.client.patch(url, json=distance, name="/activities/{id}, a distance", catch_response=True) as answer:
            forgive(answer)

    def remove(self) -> None:
        """It was somebody else's."""
        if len(self.known) > 1:
            url = f"/activities/{self.known.pop()}"
            with self.client.delete(url, name="/activities/{id}", catch_response=True) as answer:
                forgive(answer)

    def effort(self) -> dict[str, Any]:
        """Something done this week."""
        distance, began = self.chance.randrange(400, 12_000), self.chance.randrange(SECONDS_SO_FAR)
        return {
            "team_id": self.team(),
            "distance_m": distance,
            "duration_seconds": distance // 3,
            "source": self.chance.choice(("manual", "watch", "phone")),
            "started_at": (WEEK + timedelta(seconds=began)).isoformat(),
        }

    def team(self) -> int:
        """One of the person's teams."""
        return self.chance.choice(self.teams)

    def day(self) -> str:
        """One of the week that is looked at."""
        (day,) = self.chance.choices(DAYS, ATTENTION)
        return day

    HABITS = (
        [look, see_the_team, compare_in_the_team, compare_with_all, look_back, record, remark, correct, upload, remove],
        [0.28, 0.16, 0.14, 0.10, 0.10, 0.09, 0.08, 0.02, 0.02, 0.01],
    )


def forgive(answer: Any) -> None:  # noqa: ANN401 - Locust has no type for it
    """Another visit of the same person may have removed the activity."""
    if answer.status_code == NOT_FOUND:
        answer.success()
