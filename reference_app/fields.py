"""Types of inputs, shared by the services; a violation's message is sent to the client."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StrictInt, StrictStr

LARGEST_ID = 2**63 - 1
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""The range of recorded times and of requested days."""
NAME_PATTERN = "[a-z0-9][a-z0-9-]{0,39}"
EMAIL_PATTERN = "[a-z0-9.+_-]{1,64}@[a-z0-9.-]{1,189}"


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


def _each_once(names: list[str]) -> list[str]:
    return sorted(set(names))


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


Id = Annotated[StrictInt, Field(ge=1, le=LARGEST_ID)]
Title = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Text = Annotated[StrictStr, Field(max_length=10_000), AfterValidator(_storable)]
Name = Annotated[StrictStr, Field(pattern=f"^{NAME_PATTERN}$")]
Email = Annotated[StrictStr, Field(pattern=f"^{EMAIL_PATTERN}$")]
Password = Annotated[SecretStr, Field(strict=True, min_length=1, max_length=128)]
Names = Annotated[list[Name], Field(max_length=20), AfterValidator(_each_once)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Recorded = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST), AfterValidator(_in_utc)]


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


class Input(BaseModel):
    """A request body without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
