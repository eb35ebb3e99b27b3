"""What holds for every test: no network, no API keys, no DSPy cache, repeatable random examples."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before dspy is imported: LiteLLM fetches a price list on import, DSPy makes its cache folder then.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DSPY_CACHEDIR"] = tempfile.mkdtemp(prefix="dspy_cache_")
for name in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[name]

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# MLflow takes seconds to import, in every process of the tests, and all of its tests are slow.
IMPORT_MLFLOW = {Path(__file__).parent / room / "test_mlflow.py" for room in ("facades", "trackers")}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what would be deselected after a slow import."""
    return True if config.option.markexpr == "not slow" and collection_path in IMPORT_MLFLOW else None


refused: list[str] = []


class NetworkRefusedError(RuntimeError):
    """A test tried to leave this machine."""


def is_local(host: Any) -> bool:
    """Whether a host, as given to the socket module, is this machine."""
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: sees every connection of every thread, whatever library makes it."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if not is_local(host):
        refused.append(f"{event} {host}")
        raise NetworkRefusedError(f"tests must not reach the network, but {event} was called for {host!r}")


sys.addaudithook(refuse_network)


@pytest.fixture(autouse=True)
def refused_connections() -> Iterator[list[str]]:
    """Fails the test that tried to reach the network, even when the code under test swallowed the refusal."""
    refused.clear()
    yield refused
    assert not refused, f"this test tried to reach the network: {refused}"


@pytest.fixture(scope="session", autouse=True)
def no_dspy_cache() -> None:
    """Every call to a simulated model is a call."""
    import dspy

    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)


@pytest.fixture
def dspy_cache() -> Iterator[None]:
    """DSPy's cache in memory, for the LMs of one test that want it."""
    import dspy

    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    yield
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
