"""Sockets to listen on."""

import errno
import socket

import pytest

from drywire_transports import Address, binding
from drywire_transports.binding import bind_tcp, bind_unix, socket_file_id, unlink_socket

LOCAL = [Address(socket.AF_INET, ("127.0.0.1", 0)), Address(socket.AF_INET, ("127.0.0.2", 0))]


def close(sockets):
    for sock in sockets:
        sock.close()


def test_a_free_port_is_free_on_every_address():
    sockets = bind_tcp([*LOCAL, LOCAL[0]])
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1", "127.0.0.2"]
    close(sockets)


def test_another_port_is_looked_for_where_one_is_taken_on_a_later_address(monkeypatch):
    genuine, refused = binding._bind, []

    def refuse_once(family, sockaddr, *options):
        if sockaddr[0] == "127.0.0.2" and not refused:
            refused.append(sockaddr)
            raise OSError(errno.EADDRINUSE, "on purpose")
        return genuine(family, sockaddr, *options)

    monkeypatch.setattr(binding, "_bind", refuse_once)
    sockets = bind_tcp(LOCAL)
    assert len(sockets) == 2
    assert refused
    close(sockets)


def test_a_family_that_the_machine_lacks_is_left_out(monkeypatch):
    genuine = binding._bind

    def lacking(family, sockaddr, *options):
        if sockaddr[0] == "127.0.0.2":
            raise OSError(errno.EADDRNOTAVAIL, "on purpose")
        return genuine(family, sockaddr, *options)

    monkeypatch.setattr(binding, "_bind", lacking)
    sockets = bind_tcp(LOCAL)
    assert len(sockets) == 1
    close(sockets)
    with pytest.raises(OSError, match="on purpose"):
        bind_tcp(LOCAL[1:])


def test_no_address_cannot_be_listened_on():
    with pytest.raises(OSError, match="no address"):
        bind_tcp([])


def test_a_port_can_be_shared_where_asked():
    (first,) = bind_tcp(LOCAL[:1], reuse_port=True)
    address = Address(socket.AF_INET, first.getsockname())
    (second,) = bind_tcp([address], reuse_port=True)
    close([first, second])


def test_a_file_that_is_no_socket_is_not_replaced(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(OSError, match="cannot listen on"):
        bind_unix(str(path))
    assert path.read_text() == "data"


def test_a_socket_file_of_another_is_not_removed(tmp_path):
    path = str(tmp_path / "socket")
    first = bind_unix(path)
    mine = socket_file_id(path)
    second = bind_unix(path)
    unlink_socket(path, mine if mine != socket_file_id(path) else None)
    assert socket_file_id(path) is not None
    unlink_socket(path, socket_file_id(path))
    assert socket_file_id(path) is None
    unlink_socket(path, mine)
    close([first, second])
