"""Running: what touches the world beside environment, probes and load: the legs that are not load, and who watches."""
