"""What is read beside the load, one module per thing read."""
