"""Which contents to show to whom: personalised lists, contents with their tags, interactions, engagement scores."""

from reference_app.service import Service
from reference_app.services.recommendation import baseline, optimized, seed
from reference_app.settings import Release

SERVICE = Service(
    releases={Release.BASELINE: baseline.start, Release.OPTIMIZED: optimized.start},
    generate=seed.generate,
)
