"""A folder of files gives out nothing but its files: each way out of one that a framework has had, by its number."""

import os
import socket
import time

import pytest

from drywire import web
from drywire_server.routing.static_files import is_plain_name

from ..server.asking import answers, get

SECRET = b"this lies outside"


@pytest.fixture
def tree(tmp_path):
    """A folder `root`, and around it what must not be reached."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "file.txt").write_text("inside")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "root-of-others").mkdir()
    (tmp_path / "root-of-others" / "secret.txt").write_bytes(SECRET)
    return tmp_path


@pytest.fixture
def ask(serving, answer_to, tree):
    """``await ask(*targets)``: what the folder answers to each, one after the other."""

    async def send(*targets, fields=(), prefix="/static", root="root", **settings):
        app = web.Application()
        app.router.add_static(prefix, tree / root, **settings)
        async with serving(app) as url:
            found = [answers(await answer_to(url, get(target, *fields)))[0] for target in targets]
        assert not any(SECRET in answer.body for answer in found)
        return found

    return send


def statuses(found):
    return [answer.status for answer in found]


CLIMBING = (
    "/static/../secret.txt",
    "/static/%2e%2e/secret.txt",
    "/static/.%2e/secret.txt",
    "/static/%2E%2E%2Fsecret.txt",
    "/static/..%2fsecret.txt",
    "/static/..%5csecret.txt",
    "/static/%2e%2e%5csecret.txt",
    "/static/%252e%252e/secret.txt",
    "/static/%252e%252e%252fsecret.txt",
    "/static/sub/../../secret.txt",
    "/static/sub/%2e%2e/%2e%2e/secret.txt",
    "/static/./../secret.txt",
    "/static/%c0%ae%c0%ae/secret.txt",
    "/static/%c0%ae%c0%ae%c0%afsecret.txt",
    "/static/%uff0e%uff0e/secret.txt",
    "/static/\uff0e\uff0e/secret.txt",
    "/static/..;/secret.txt",
    "/static/.../secret.txt",
    "/static/..%00/secret.txt",
    "/static/missing/../../secret.txt",
    "http://a/static/../secret.txt",
    "http://a/static/%2e%2e/secret.txt",
)


@pytest.mark.parametrize("follow_symlinks", [False, True])
async def test_cve_2024_23334_no_path_climbs_out_even_where_links_are_followed(ask, follow_symlinks):
    found = statuses(await ask(*CLIMBING, follow_symlinks=follow_symlinks))
    assert set(found) <= {400, 404}, dict(zip(CLIMBING, found, strict=True))


async def test_cve_2024_23334_nor_where_the_folder_is_under_the_root(ask):
    assert set(statuses(await ask(*(target.removeprefix("/static") for target in CLIMBING), prefix="/"))) <= {400, 404}


async def test_cve_2024_23334_a_link_out_of_the_folder_is_only_followed_where_that_is_asked_for(ask, tree):
    (tree / "root" / "link").symlink_to(tree / "root-of-others")
    (tree / "root" / "link.txt").symlink_to("../secret.txt")
    (tree / "root" / "loop").symlink_to("loop")
    (tree / "root" / "near").symlink_to("file.txt")
    targets = ("/static/link/secret.txt", "/static/link.txt", "/static/loop", "/static/link", "/static/near")
    found = await ask(*targets)
    assert statuses(found) == [404, 404, 404, 404, 200]
    (tree / "root-of-others" / "secret.txt").write_text("shared")
    found = await ask("/static/link/secret.txt", "/static/loop", follow_symlinks=True)
    assert [(answer.status, answer.body[:6]) for answer in found] == [(200, b"shared"), (404, b"404: N")]


async def test_cve_2024_42367_compressed_siblings_are_held_to_the_same_rule(ask, tree):
    (tree / "secret.txt.gz").write_bytes(SECRET)
    (tree / "root" / "file.txt.gz").symlink_to(tree / "secret.txt.gz")
    (tree / "root" / "file.txt.br").mkdir()
    found = await ask("/static/file.txt", fields=("Accept-Encoding: gzip, br",))
    assert [(answer.body, answer.headers["Content-Encoding"], answer.headers["Vary"]) for answer in found] == [
        (b"inside", None, None)
    ]
    # A sibling of what is not there, or lies outside, is none.
    (tree / "root" / "out.txt").symlink_to(tree / "secret.txt")
    (tree / "root" / "gone.txt").symlink_to(tree / "missing")
    assert statuses(await ask("/static/out.txt", "/static/gone.txt", fields=("Accept-Encoding: gzip",))) == [404, 404]


ABSENT = ("/static/missing", "/static/%2fetc%2fpasswd", "/static//etc/passwd", "/static/etc/passwd", "/static/link")


async def test_cve_2025_69226_what_lies_outside_and_what_is_missing_are_answered_alike(ask, tree):
    """Neither the status, nor the head, nor the body tells whether something exists out there."""
    (tree / "root" / "link").symlink_to(tree / "secret.txt")
    (tree / "root" / "dangling").symlink_to(tree / "missing")
    (tree / "root" / "parent").symlink_to(tree)
    targets = (
        *ABSENT, "/static/dangling", "/static/parent", "/static/parent/", "/static/parent/secret.txt",
        "/static/parent/missing", "/static/../secret.txt", "/static/../missing", "/static/../",
    )  # fmt: skip
    for show_index in (False, True):
        found = await ask(*targets, show_index=show_index)
        assert {(answer.status, answer.body, *answer.headers) for answer in found} == {
            (404, b"404: Not Found", *found[0].headers)
        }


async def test_cve_2026_34515_drives_shares_and_absolute_paths_are_no_names(ask):
    targets = (
        "/static/C:/Windows/win.ini", "/static/C:%5cWindows%5cwin.ini", "/static/%5c%5chost%5cshare%5cfile",
        "/static///host/share/file", "/static/%2f%2fhost%2fshare", "/static/file:%2f%2f%2fetc%2fpasswd",
        "/static/%5c%5c%3f%5cC:%5cx", "/static//etc/passwd", "/static/%2fetc/passwd", "/static/file.txt%5c..%5c..",
    )  # fmt: skip
    assert statuses(await ask(*targets)) == [404] * len(targets)


@pytest.mark.parametrize(
    "name",
    [
        "C:", "C:x", "file.txt:stream", "file.txt::$DATA", "a\\b", "\\\\host\\share", "/etc", "a/b", "..", ".", "",
        "a\0b", "a.", "a ", "..\\a",
    ],
)  # fmt: skip
def test_cve_2026_34515_names_that_are_more_than_names_to_windows(name):
    assert not is_plain_name(name, windows=True)


DEVICES = (
    "NUL",
    "nul",
    "CON",
    "con.txt",
    "AUX.tar.gz",
    "PRN ",
    "COM1",
    "lpt9.log",
    "NUL .txt",
    "CONIN$",
    "COM\xb9",
    "nul:",
)


@pytest.mark.parametrize("name", DEVICES)
def test_werkzeug_cve_2025_66221_2026_21860_2026_27199_devices_of_windows_are_no_files(name):
    """By themselves, with a suffix or two, with blanks before it, and (27199) in a folder below."""
    assert not is_plain_name(name, windows=True)


def test_werkzeug_cve_2025_66221_plain_names_stay(tmp_path):
    for name in ("null", "console.txt", "a.nul", "COM", "com10x", "file.txt", ".hidden", "a b", "文件", "%2e%2e"):
        assert is_plain_name(name, windows=True), name
    assert is_plain_name("a:b", windows=False)


async def test_cve_2024_27306_an_index_escapes_every_name(ask, tree):
    folder = tree / "root" / "<img src=x>"
    folder.mkdir()
    (folder / "<script>alert('x')<").write_text("")
    (folder / '"onmouseover="alert(1)').write_text("")
    (folder / "javascript:alert(1)").write_text("")
    for answer in await ask("/static/%3Cimg%20src=x%3E", "/static/", show_index=True):
        text = answer.body.decode()
        assert answer.status == 200
        for bad in ("<script", "<img", '"onmouseover', 'href="javascript'):
            assert bad not in text
    assert "&lt;img src=x&gt;" in text


async def test_an_index_shows_only_what_is_sent(ask, tree):
    (tree / "root" / "link").symlink_to(tree / "root-of-others")
    (tree / "root" / "near").symlink_to("file.txt")
    os.mkfifo(tree / "root" / "fifo")
    (answer,) = await ask("/static/", show_index=True)
    assert [name in answer.body for name in (b">link", b">fifo", b">near<", b">file.txt<")] == [
        False,
        False,
        True,
        True,
    ]


async def test_starlette_cve_2023_29159_a_sibling_whose_name_begins_alike_is_outside(ask, tree):
    (tree / "root" / "link").symlink_to(tree / "root-of-others" / "secret.txt")
    targets = ("/static/../root-of-others/secret.txt", "/static-of-others/secret.txt", "/static/link", "/static%2f..")
    assert statuses(await ask(*targets)) == [404] * 4


async def test_starlette_cve_2026_48818_no_share_of_the_network_is_asked_for(ask, tree, monkeypatch):
    """Refused by its form, before the system is asked anything: that alone would send credentials."""
    asked = []

    def watched(real):
        return lambda path, *args, **kwargs: asked.append(path) or real(path, *args, **kwargs)

    for name in ("stat", "open", "lstat"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    targets = ("/static/%5c%5c127.0.0.1%5cshare%5cx", "/static//127.0.0.1/share/x", "/static/%2f%2f127.0.0.1%2fshare")
    assert statuses(await ask(*targets)) == [404] * 3
    assert not any("127.0.0.1" in os.fsdecode(path) for path in asked if not isinstance(path, int))


async def test_special_files_are_not_opened_and_not_found(ask, tree):
    os.mkfifo(tree / "root" / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "root" / "socket"))
        assert statuses(await ask("/static/fifo", "/static/socket")) == [404, 404]
    (tree / "root" / "zero").symlink_to("/dev/zero")
    assert statuses(await ask("/static/zero")) == [404]
    assert statuses(await ask("/static/zero", "/static/fifo", follow_symlinks=True)) == [404, 404]


async def test_a_nul_is_in_no_name(ask):
    found = await ask("/static/file.txt%00", "/static/%00", "/static/sub%00/file.txt", "/static/file.txt%00.gz")
    assert statuses(found) == [404] * 4


async def test_cve_2025_62727_a_range_field_takes_linear_time_and_sends_no_more_than_the_file(ask, tree):
    (tree / "root" / "large").write_bytes(b"x" * 10**6)
    begun = time.process_time()
    fields = (
        "Range: bytes=" + ",".join(["0-"] * 60), "Range: bytes=" + "0-," * 2000, "Range: bytes=" + "1-0" * 2000,
        "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(0, 1200, 20)),
    )  # fmt: skip
    found = [(await ask("/static/large", fields=(field,)))[0] for field in fields]
    assert statuses(found) == [206, 200, 416, 206]
    assert all(len(answer.body) <= 10**6 for answer in found)
    assert len(found[-1].body) == 1181  # one part: so near to each other
    assert time.process_time() - begun < 2
