"""A server that says what it was asked, and what tests of parity read from that."""

import email
import email.policy
import warnings
from dataclasses import dataclass

import pytest
from multidict import CIMultiDict

import drywire
from drywire import web

__all__ = ["Asked", "asked", "basic_auth", "mirror", "parts_of"]


@dataclass
class Asked:
    """A request as the server got it."""

    method: str
    target: str
    version: list
    headers: CIMultiDict
    body: bytes


async def tell(request):
    body = await request.read()
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
    told = {"method": request.method, "target": request.raw_path, "version": request.version, "headers": fields}
    return web.json_response({**told, "body": body.decode("latin-1")})


@pytest.fixture
def mirror(serving):
    """``async with mirror() as url``: a server of ours that answers with what it was asked, except on `routes`."""

    def make(*routes):
        app = web.Application(client_max_size=2**24)
        app.add_routes(routes)
        app.router.add_route("*", "/{rest:.*}", tell)
        return serving(app, auto_decompress=False)

    return make


async def asked(request):
    """Return what the mirror was asked by `request`, such as ``session.get(url)``."""
    async with request as response:
        assert response.status == 200
        told = await response.json()
    fields = CIMultiDict([(name, value) for name, value in told["headers"]])
    return Asked(told["method"], told["target"], told["version"], fields, told["body"].encode("latin-1"))


def parts_of(seen):
    """Return the parts of a multipart body as tuples of name, file name, content type and content."""
    head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + seen.body, policy=email.policy.HTTP)
    assert message.get_content_type() == "multipart/form-data"
    assert not message.defects
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def basic_auth(login, password):
    """Return a `BasicAuth`, which is deprecated: here it is an ingredient, and not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return drywire.BasicAuth(login, password)
