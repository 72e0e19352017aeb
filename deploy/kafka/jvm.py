"""How a broker's Java process is started: quick to come up, because tests start many."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.kafka.jars import fetch_jars, java

_LOG_CONFIG = Path(__file__).with_name("log4j2.xml")
# Parsed classes of a broker that has run once; with it a broker takes 1.6 s of CPU to start and not 2.6 (JDK 17).
_ARCHIVE_NAME = "classes.jsa"


@dataclass(frozen=True, slots=True)
class Jvm:
    """What every broker process has in common.

    `throughput` lets the JVM optimise fully, for benchmarks; without it a broker starts with half the CPU (2.6 s and
    not 4.4). `dump_classes` is where the process writes its class archive when it ends in order.
    """

    java: str
    jars: Path
    heap_mib: int
    throughput: bool = False
    dump_classes: Path | None = None

    @classmethod
    def locate(cls, heap_mib: int, *, throughput: bool = False, dump_classes: Path | None = None) -> Self:
        """Find Java and the jars, which are fetched where they are missing.

        Raises:
            BrokerError: Java or Maven is missing, or the jars cannot be fetched.
        """
        return cls(java(), fetch_jars(), heap_mib, throughput, dump_classes)

    @property
    def archive(self) -> Path:
        """Where the class archive is kept, beside the jars that it was made from."""
        return self.jars / _ARCHIVE_NAME

    def command(self, main_class: str, log: Path, *arguments: str) -> list[str]:
        """The command line that runs a class of Kafka with its log in a file."""
        options = ["-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-Xms128m", f"-Xmx{self.heap_mib}m"]
        options += [f"-Dlog4j2.configurationFile={_LOG_CONFIG}", f"-Dtierstream.broker.log={log}"]
        if not self.throughput:
            options.append("-XX:TieredStopAtLevel=1")
        if self.dump_classes is not None:
            options.append(f"-XX:ArchiveClassesAtExit={self.dump_classes}")
        elif self.archive.exists():
            options.append(f"-XX:SharedArchiveFile={self.archive}")  # another JDK than the one that made it ignores it
        return [self.java, *options, "-cp", f"{self.jars}/*", main_class, *arguments]
