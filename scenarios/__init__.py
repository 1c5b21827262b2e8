"""What is run against the reference services: Locust users and plans."""
