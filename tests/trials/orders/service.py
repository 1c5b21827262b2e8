"""A service that shows the last ROWS orders of a customer, and of one in ten those of a GROUP of customers in one.

Both say what an answer costs: the one how much is sent, the other how much is read.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

import psycopg

LATEST = """
SELECT id, customer, item, pieces, price_cents, ordered_at::text
FROM orders WHERE customer BETWEEN %s AND %s ORDER BY ordered_at DESC LIMIT %s
"""
CONNECTIONS = 4
ROWS, GROUP = int(os.environ.get("ROWS", "100")), int(os.environ.get("GROUP", "1"))


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
        last = customer + (GROUP - 1 if customer % 10 == 0 else 0)
        connection = POOL.get()
        try:
            return json.dumps(connection.execute(LATEST, (customer, last, ROWS)).fetchall()).encode()
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
