"""Arrivals at a rate on one core: started of planned, how late, what it costs; and far beyond what a core can do."""

from tests.benchmarks.rig import generate, nginx

STAGES = """
[[stages]]
kind = "sustain"
seconds = 20
rate = {rate}
users = 2000
warmup_seconds = 2
"""
RATES = (1000, 5000, 10_000, 80_000)


def main() -> None:
    """Print a row a rate; a run is INVALID when the lag is above 5 ms, the CPU above 80 % or too few started."""
    print(f"{'rate':>8}{'started':>9}{'lag P99 ms':>12}{'CPU':>7}{'GC ms':>7}{'P95 ms':>9}{'service':>9}")
    with nginx() as url:
        for rate in RATES:
            leg = generate(url, STAGES.format(rate=rate))
            (offered,) = leg.windows["offered"]
            share = offered["started"] / offered["planned"]
            lag, cpu, pause = (leg.windows[key] for key in ("schedule_lag_p99_ms", "cpu_share", "gc_pause_ms"))
            p95, service = leg.percentiles("sustain")[1], leg.percentiles("sustain", service=True)[1]
            print(f"{rate:8}{share:9.2%}{lag:12.2f}{cpu:7.0%}{pause:7.1f}{p95:9.2f}{service:9.2f}", flush=True)
