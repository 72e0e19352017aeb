"""The jars of an Apache Kafka broker, fetched once by Maven into a cache folder.

`pom.xml` beside this module names the version. The cache is `.cache/kafka/<version>/` at the root of the repository, or
below the folder that `TIERSTREAM_KAFKA_JARS` names.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from features.errors import BrokerError

POM = Path(__file__).with_name("pom.xml")
CACHE_VARIABLE = "TIERSTREAM_KAFKA_JARS"
_DEFAULT_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "kafka"
_FETCH_TIMEOUT_S = 300  # 45 MB; a machine that needs longer has no usable network


def kafka_version() -> str:
    """The broker's version, as `pom.xml` names it.

    Example:
        >>> kafka_version().startswith("4.")
        True
    """
    found = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", POM.read_text(encoding="utf-8"))
    if found is None:
        raise BrokerError(f"{POM}: has no property kafka.version; restore the file")
    return found[1]


def java() -> str:
    """The path of the `java` command.

    Raises:
        BrokerError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    candidate = shutil.which("java", path=f"{home}/bin" if home else None) or shutil.which("java")
    if candidate is None:
        raise BrokerError("java: not found; Apache Kafka needs Java 17 or newer on the PATH or in JAVA_HOME")
    return candidate


def fetch_jars() -> Path:
    """The folder with the broker's jars; fetched with Maven where they are missing.

    Safe to call from several processes at once: one fetches, the others wait.

    Raises:
        BrokerError: Maven is missing or fails.
    """
    cache = Path(os.environ.get(CACHE_VARIABLE) or _DEFAULT_CACHE)
    folder = cache / kafka_version()
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch_into(folder)
    return folder


def _fetch_into(folder: Path) -> None:
    """Fetch beside the final place and rename, so that a half-filled folder never looks complete."""
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError("mvn: not found; Maven fetches the jars of Apache Kafka")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        try:
            done = subprocess.run(  # noqa: S603 - our own command line, no shell
                command, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as slow:
            raise BrokerError(f"{POM}: Maven has not fetched the jars within {_FETCH_TIMEOUT_S} s") from slow
        if done.returncode != 0 or not jars.is_dir():
            said = (done.stdout + done.stderr).strip()[-2_000:]
            raise BrokerError(f"{POM}: Maven could not fetch the jars of Kafka {kafka_version()}:\n{said}")
        jars.rename(folder)
