"""docs/deployment.md: its program serves, and its tables name what there is.

That the other blocks run, and print what the page says, is tested with those of the other pages in test_readme.py.
"""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import re

import drywire.worker
from drywire_server import cli

from ..server.programs import program  # noqa: F401 - a fixture
from ..tree import ROOT

TEXT = (ROOT / "docs" / "deployment.md").read_text("utf-8")


def test_the_program_serves_with_its_workers(program, tmp_path):
    (code,) = re.findall(r"^```py\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "server.py").write_text(code.replace("port=8080", "port=0"))
    server = program(str(tmp_path / "server.py"))
    assert server.get() == (200, "Hello, world!")
    server.until(lambda: "(2 workers)" in server.out)
    assert server.end() == (0, "")


def test_the_task_runs_on_trio(run_program):
    code, printed = re.search(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```\n", TEXT, re.MULTILINE | re.DOTALL).groups()
    changed = code.replace("asyncio.run(main())", "trio.run(main)").replace("import asyncio", "import trio")
    assert run_program(changed) == printed


def test_each_option_and_each_worker_is_there():
    options = set(re.findall(r"`(--?\w[\w-]*)`", TEXT.partition("## The command line")[2].partition("\n## ")[0]))
    known = {name for action in cli._parser()._actions for name in action.option_strings}
    assert options <= known
    long = {name for name in known if name.startswith("--")} - {"--help", "--version", "--hostname", "--port", "--path"}
    assert long <= options
    for name in re.findall(r"`(Gunicorn\w+)`", TEXT):
        assert hasattr(drywire.worker, name)
