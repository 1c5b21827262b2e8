"""The child program that makes the load; the only place that imports locust, which patches the whole process."""
