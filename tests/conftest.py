"""An example of Hypothesis may take as long as a busy machine takes for it: whether it is right is the question."""

from hypothesis import settings

settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")
