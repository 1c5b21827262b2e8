"""An HTTP/1.1 client for Locust users on gevent and a C parser."""
