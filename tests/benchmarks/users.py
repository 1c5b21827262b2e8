"""Ten thousand users who think 1 to 3 seconds: memory and P95 on one core, beside k6 and Locust's FastHttpUser."""

import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.rig import USERS as USERS_FILE
from tests.benchmarks.rig import generate, needs, nginx, tell

USERS, RAMP, SECONDS = 10_000, 30, 30
STAGES = f"""
[[stages]]
kind = "ramp"
seconds = {RAMP}
users = {USERS}

[[stages]]
kind = "sustain"
seconds = {SECONDS}
users = {USERS}
warmup_seconds = 5
"""
FAST = """
from locust import FastHttpUser, between, task

class Visitor(FastHttpUser):
    wait_time = {wait}
    @task
    def read(self):
        self.client.get("/content/7", name="/content/{{id}}")
"""
K6 = f"""
import http from 'k6/http';
import {{ sleep }} from 'k6';
export const options = {{
  summaryTrendStats: ['p(95)'],
  scenarios: {{ all: {{ executor: 'ramping-vus', startVUs: 0, gracefulStop: '0s', stages: [
    {{ duration: '{RAMP}s', target: {USERS} }}, {{ duration: '{SECONDS}s', target: {USERS} }} ] }} }},
}};
export default function () {{
  http.get('URL/content/7', {{ tags: {{ name: '/content/id' }} }});
  sleep(1 + 2 * Math.random());
}}
"""


def main() -> None:
    """Print a table: requests per second, P95 after the ramp, peak of memory, CPU over the leg."""
    needs("nginx")
    with nginx() as url, tempfile.TemporaryDirectory() as folder:
        print(f"{'generator':24}{'req/s':>8}{'P95 ms':>9}{'peak MB':>9}{'CPU s':>8}{'errors':>8}")
        for name, users in (("harness HttpUser", USERS_FILE), ("Locust FastHttpUser", FAST)):
            leg = generate(url, STAGES, wait="between(1, 3)", users=users)
            _, p95, _ = leg.percentiles("sustain")
            print(
                f"{name:24}{leg.rps('sustain'):8,.0f}{p95:9.1f}{leg.peak_mb:9,.0f}{leg.cpu_seconds:8.1f}{leg.errors:8}",
                flush=True,
            )
        if k6 := shutil.which("k6", path=str(Path(sys.executable).parent)) or shutil.which("k6"):
            script = Path(folder) / "k6.js"
            script.write_text(K6.replace("URL", url), encoding="utf-8")
            command = [k6, "run", "--no-usage-report", "--no-color", str(script)]
            p95, peak = tell(command, r"http_req_duration\.*:\s+p\(95\)=([\d.]+(?:ms|s|µs))", GOMAXPROCS="1")
            print(f"{'k6 (ramp included)':24}{'':8}{p95:9.1f}{peak:9,.0f}")
