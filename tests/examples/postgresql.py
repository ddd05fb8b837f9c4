"""A PostgreSQL of its own for the tests: in a temporary folder, on a Unix socket there, without a network port."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

__all__ = ["postgresql"]

USER = "polls"
FOR_TESTS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB", "max_connections=40")


def program(name):
    """Return the path of a program of PostgreSQL; Debian has them in no folder of PATH. None where it is missing."""
    return shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)


def owner():
    """Return who is to run it: it refuses to be root's. None for whoever runs the tests."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def cluster():
    """Run a server, and give the URL of a database in it."""
    user = owner()
    as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user is not None else {}
    # Not pytest's own folder: nobody but its owner may enter that. A socket's path must be short, too.
    folder = tempfile.mkdtemp(prefix="polls-pg-")
    if user is not None:
        shutil.chown(folder, user)
    try:
        made = [program("initdb"), "-D", f"{folder}/data", "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-locale"]
        subprocess.run([*made, "--no-sync"], check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user)
        settings = [f"unix_socket_directories={folder}", "listen_addresses=", *FOR_TESTS]
        command = [program("postgres"), "-D", f"{folder}/data", *(word for each in settings for word in ("-c", each))]
        with serving(command, folder, as_user):
            yield f"postgresql://{USER}@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def serving(command, folder, as_user):
    # A session of its own: what ends the tests does not end it behind their back.
    process = subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True, env={"LC_ALL": "C"}, **as_user
    )
    reader = threading.Thread(target=process.stderr.read)  # what else it says must not fill the pipe
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "database system is ready to accept connections" in line:
                reader.start()
                yield
                return
        raise AssertionError("PostgreSQL did not start:\n" + "".join(said))
    finally:
        process.send_signal(signal.SIGINT)  # "fast shutdown": connections are ended
        process.wait()
        if reader.ident is not None:
            reader.join()
        process.stderr.close()


@pytest.fixture(scope="session")
def postgresql():
    """The URL of an empty database of a server that runs for all tests."""
    pytest.importorskip("psycopg", reason="psycopg is not installed here", exc_type=ImportError)
    if program("initdb") is None or program("postgres") is None:
        pytest.skip("PostgreSQL is not installed here")
    with cluster() as url:
        yield url
