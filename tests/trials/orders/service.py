"""A service that shows the last orders of a customer; ROWS says how many, which is what an answer costs."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

import psycopg

LATEST = """
SELECT id, customer, item, pieces, price_cents, ordered_at::text
FROM orders WHERE customer = %s ORDER BY ordered_at DESC LIMIT %s
"""
CONNECTIONS = 4
ROWS = int(os.environ.get("ROWS", "100"))


class Handler(BaseHTTPRequestHandler):
    """``GET /customers/17`` and ``GET /health``, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer with JSON."""
        body = b"ok" if self.path == "/health" else self.orders(int(self.path.rpartition("/")[2]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def orders(self, customer: int) -> bytes:
        """The customer's last orders."""
        connection = POOL.get()
        try:
            return json.dumps(connection.execute(LATEST, (customer, ROWS)).fetchall()).encode()
        finally:
            POOL.put(connection)

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    POOL: SimpleQueue[psycopg.Connection] = SimpleQueue()
    for _ in range(CONNECTIONS):
        POOL.put(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True))
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    server.serve_forever()
