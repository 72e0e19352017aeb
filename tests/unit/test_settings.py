"""Settings: documented, ordered by precedence, and wrong ones reported all at once."""

from pathlib import Path

import pytest

from features.errors import SettingsError
from streams.settings import Settings, describe_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "tierstream.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_source_overrides_the_one_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, 'partitions = 2\nweb_port = 1\nlog_level = "debug"\n')
    environ = {"TIERSTREAM_WEB_PORT": "2", "TIERSTREAM_LOG_LEVEL": "warning", "PATH": "/bin"}
    settings = Settings.load(path, environ, {"log_level": "error"})
    assert (settings.partitions, settings.web_port, settings.log_level) == (2, 2, "error")
    assert settings.app_id == Settings().app_id


def test_every_mistake_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, 'partitons = 3\npartitions = "x"\nbatch_max_records = 0\n')
    with pytest.raises(SettingsError) as caught:
        Settings.load(path, {"TIERSTREAM_STORE": "disk", "TIERSTREAM_SPEED": "1"}, {"web_port": "99999"})
    lines = str(caught.value).splitlines()
    assert lines[0] == "settings: 6 problems"
    for place in ("partitons", "partitions", "batch_max_records", "TIERSTREAM_STORE", "TIERSTREAM_SPEED", "--web-port"):
        assert sum(f"{place}: " in line for line in lines) == 1


@pytest.mark.parametrize(("text", "said"), [("partitions = ", "is not TOML"), (None, "cannot be read")])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "none.toml" if text is None else write(tmp_path, text)
    with pytest.raises(SettingsError, match=said):
        Settings.load(path, {})


def test_a_file_must_use_the_right_types_and_the_environment_may_use_text(tmp_path: Path) -> None:
    assert Settings.load(None, {"TIERSTREAM_METRICS": "false"}).metrics is False
    with pytest.raises(SettingsError, match="metrics"):
        Settings.load(write(tmp_path, 'metrics = "false"'), {})


def test_paths_are_paths_from_every_source(tmp_path: Path) -> None:
    path = write(tmp_path, 'data_dir = "a"')
    settings = Settings.load(path, {"TIERSTREAM_POLICY_FILE": "b"}, {"signing_key_file": Path("c")})
    assert (settings.data_dir, settings.policy_file, settings.signing_key_file) == (Path("a"), Path("b"), Path("c"))


def test_variables_that_are_no_settings_are_left_alone() -> None:
    assert Settings.load(None, {"TIERSTREAM_BROKER": "embedded", "TIERSTREAM_KAFKA_JARS": "x"}) == Settings()


def test_every_setting_is_documented_and_its_default_is_allowed() -> None:
    rows = describe_settings()
    assert [row.name for row in rows] == list(Settings.__struct_fields__)
    assert all(row.unit and row.why for row in rows)
    given = {row.name: row.default for row in rows if row.default != "None"}
    assert Settings.load(None, {}, given) == Settings()


@pytest.mark.parametrize(("copies", "needed"), [(1, 1), (2, 1), (3, 2), (5, 4)])
def test_all_copies_but_one_must_hold_a_record(copies: int, needed: int) -> None:
    assert Settings(replication_factor=copies).min_insync_replicas == needed
