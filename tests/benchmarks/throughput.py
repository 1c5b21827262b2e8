"""Recorded requests per second on one core, against an nginx on another; peers in the same run."""

import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.rig import CONNECTIONS, generate, needs, nginx, tell

SECONDS, ROUNDS = 6, 3
STAGES = f"""
[[stages]]
kind = "sustain"
seconds = {SECONDS + 2}
users = {CONNECTIONS}
warmup_seconds = 2
"""
K6 = """
import http from 'k6/http';
export const options = {{ vus: {users}, duration: '{seconds}s' }};
export default function () {{ http.get('{url}/content/7', {{ tags: {{ name: '/content/id' }} }}); }}
"""
LOCUST = """
from locust import {base}, constant, task

class Visitor({base}):
    wait_time = constant(0)
    @task
    def read(self):
        self.client.get("/content/7", name="/content/id")
"""


def main() -> None:
    """Print requests per second, absolute and relative to each peer."""
    needs("wrk", "hey", "ab")
    ours, peers = [], dict[str, list[float]]()
    with nginx() as url, tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            leg = generate(url, STAGES)
            if leg.errors:
                sys.exit(f"{leg.errors} requests failed")
            ours.append(leg.rps("sustain"))
            for name, value in _peers(url, Path(folder)).items():
                peers.setdefault(name, []).append(value)
    middle = statistics.median(ours)
    print(f"{'generator':24}{'req/s':>10}{'ratio':>8}")
    print(f"{'harness HttpUser':24}{middle:10,.0f}        ({min(ours):,.0f} to {max(ours):,.0f})")
    for name, values in peers.items():
        print(f"{name:24}{statistics.median(values):10,.0f}{middle / statistics.median(values):8.2f}")


def _peers(url: str, folder: Path) -> dict[str, float]:
    target, c, s = f"{url}/content/7", str(CONNECTIONS), str(SECONDS)
    commands = {
        "wrk": ["wrk", "-t1", f"-c{c}", f"-d{s}s"],
        "ab": ["ab", "-q", "-k", "-c", c, "-t", s, "-n", "9999999"],
        "hey": ["hey", "-cpus", "1", "-c", c, "-z", f"{s}s"],
    }
    said = r"Requests(?:/sec| per second):\s+([\d.]+)"
    found = {name: tell([*command, target], said)[0] for name, command in commands.items()}
    if k6 := shutil.which("k6", path=str(Path(sys.executable).parent)) or shutil.which("k6"):
        script = folder / "k6.js"
        script.write_text(K6.format(users=c, seconds=s, url=url))
        command = [k6, "run", "--no-usage-report", "--no-color", str(script)]
        found["k6"] = tell(command, r"http_reqs\.*:\s+\d+\s+([\d.]+)/s", GOMAXPROCS="1")[0]
    for base in ("FastHttpUser", "HttpUser"):
        users = folder / f"{base.lower()}_users.py"
        users.write_text(LOCUST.format(base=base))
        found[f"Locust {base}"] = _locust(users, url, folder)
    return found


def _locust(users: Path, url: str, folder: Path) -> float:
    out = folder / "locust"
    command = [sys.executable, "-m", "locust", "-f", str(users), "--headless", "-H", url, "-t", f"{SECONDS + 2}s"]
    command += ["-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "--json-file", str(out)]
    tell(command, "(0)")
    (entry,) = json.loads(out.with_suffix(".json").read_text())
    return float(entry["num_requests"] / (entry["last_request_timestamp"] - entry["start_time"]))
