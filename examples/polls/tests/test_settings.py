"""The configuration file."""

import pytest

from drywire_polls import Settings
from drywire_polls.main import DEFAULT_CONFIG
from drywire_polls.settings import SettingsError


@pytest.fixture
def read(tmp_path):
    """``read(text)``: the settings that a file says."""

    def from_text(text, suffix=".toml", **changes):
        path = tmp_path / f"polls{suffix}"
        path.write_text(text, "utf-8")
        return Settings.from_file(path, **changes)

    return from_text


def test_the_file_that_comes_along_says_what_holds_without_it():
    settings = Settings.from_file(DEFAULT_CONFIG)
    assert settings.database == f"sqlite:{DEFAULT_CONFIG.parent.parent / 'polls.sqlite3'}"
    assert Settings(database=settings.database) == settings


def test_toml_and_yaml_say_the_same(read, tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is not installed here")
    toml = read('port = 80\ndatabase = "sqlite:a.db"\nsample_data = false')
    assert toml == read("port: 80\ndatabase: 'sqlite:a.db'\nsample_data: no", ".yaml")
    assert toml == Settings(port=80, database=f"sqlite:{tmp_path / 'a.db'}", sample_data=False)


def test_the_command_line_has_the_last_word(read):
    assert read("port = 80", port=81, database="postgresql:///polls") == Settings(
        port=81, database="postgresql:///polls"
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("prot = 80", "nothing is called prot"),
        ("port = '80'", "port must be int, not str"),
        ("port = true", "port must be int, not bool"),
        ("port = 65536", "port must be from 0 to 65535, not 65536"),
        ("connections = 0", "connections must be from 1 to 100, not 0"),
        ("database = 'mysql://ada:tea@host/polls'", "database must begin with sqlite: or postgresql://$"),
        ("database = 'sqlite:'", "database names no file"),
        ("port", "cannot read .*polls.toml"),
    ],
)
def test_a_wrong_file_is_told_what_is_wrong_and_where(read, text, error):
    with pytest.raises(SettingsError, match=error) as caught:
        read(text)
    assert "polls.toml" in str(caught.value)


@pytest.mark.parametrize(("text", "error"), [("- 1", "this is a list"), ("a: [", "cannot read"), ("", "NoneType")])
def test_wrong_yaml_is_told_so(read, text, error):
    pytest.importorskip("yaml", reason="PyYAML is not installed here")
    with pytest.raises(SettingsError, match=error):
        read(text, ".yaml")


def test_a_file_that_is_not_there_is_told_so(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        Settings.from_file(tmp_path / "none.toml")
