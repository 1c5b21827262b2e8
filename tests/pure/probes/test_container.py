"""Docker's statistics of a container as readings."""

from typing import Any

from harness.probes.container import rows_of


def answer(spent: int, host: int, memory: dict[str, Any], **more: object) -> dict[str, Any]:
    return {
        "cpu_stats": {
            "cpu_usage": {"total_usage": spent},
            "system_cpu_usage": host,
            "throttling_data": {"throttled_time": 1_500_000_000},
        },
        "memory_stats": memory,
        **more,
    }


def named(rows: list[tuple[int, str, str, float]]) -> dict[str, float]:
    assert {(at, source) for at, source, _, _ in rows} == {(7, "api")}
    return {name: value for _, _, name, value in rows}


def test_cpu_is_the_share_of_all_cores_since_the_answer_before() -> None:
    before, now = answer(1_000, 10_000, {}), answer(2_000, 14_000, {})
    assert named(rows_of("api", now, before, 7))["cpu_of_host"] == 0.25
    assert "cpu_of_host" not in named(rows_of("api", now, None, 7))
    assert "cpu_of_host" not in named(rows_of("api", now, now, 7))


def test_memory_is_what_processes_made_where_it_is_told() -> None:
    first = {"usage": 900, "stats": {"total_rss": 100, "total_shmem": 20, "total_inactive_file": 500}}
    second = {"usage": 900, "stats": {"anon": 300, "shmem": 50, "inactive_file": 500}}
    neither = {"usage": 900, "stats": {"inactive_file": 500}}
    found = [named(rows_of("api", answer(0, 0, memory), None, 7)).get("memory_bytes") for memory in (first, second)]
    assert found == [120, 350]
    assert named(rows_of("api", answer(0, 0, neither), None, 7))["memory_bytes"] == 400
    assert "memory_bytes" not in named(rows_of("api", answer(0, 0, {}), None, 7))


def test_traffic_and_throttling_are_added_up() -> None:
    blocks = [{"op": "Read", "value": 5}, {"op": "write", "value": 7}, {"op": "Read", "value": 1}]
    networks = {"eth0": {"rx_bytes": 10, "tx_bytes": 1}, "eth1": {"rx_bytes": 20, "tx_bytes": 2}}
    reading = answer(0, 0, {}, networks=networks, blkio_stats={"io_service_bytes_recursive": blocks})
    assert named(rows_of("api", reading, None, 7)) == {
        "network_in_bytes": 30,
        "network_out_bytes": 3,
        "disk_read_bytes": 6,
        "disk_written_bytes": 7,
        "throttled_seconds": 1.5,
    }
    assert "disk_read_bytes" in named(rows_of("api", answer(0, 0, {}), None, 7))
