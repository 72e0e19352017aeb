"""The layers are what the architecture page draws: downward only, and a core that knows no Kafka."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_import_contract_is_kept() -> None:
    done = lint(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout
    assert f"{len(CONTRACTS)} kept, 0 broken" in done.stdout


def test_a_broken_layer_is_noticed(tmp_path: Path) -> None:
    upside_down = tmp_path / "contracts.toml"
    upside_down.write_text(
        '[tool.importlinter]\nroot_packages = ["features", "streams"]\n'
        '[[tool.importlinter.contracts]]\nname = "Upside down"\ntype = "layers"\nlayers = ["features", "streams"]\n',
        encoding="utf-8",
    )
    done = lint(upside_down)
    assert done.returncode != 0
    assert "Upside down BROKEN" in done.stdout


@pytest.mark.parametrize("package", ["faust", "aiokafka", "confluent_kafka", "rocksdict"])
def test_the_core_is_forbidden_every_way_to_kafka(package: str) -> None:
    core = {
        "features",
        "loyalty",
        "online_models",
        "streams.codecs",
        "streams.pipeline",
        "streams.state",
        "streams.replay",
    }
    forbidding = [contract for contract in CONTRACTS if package in contract.get("forbidden_modules", ())]
    assert any(core <= set(contract["source_modules"]) for contract in forbidding)
