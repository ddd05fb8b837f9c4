"""The server of `raw_server` over TLS, on uvloop's own. Arguments: folder for the authority's certificate, port."""

import asyncio
import ssl
import sys
from pathlib import Path

import trustme
import uvloop

from .raw_server import Canned


async def main():
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


uvloop.run(main())
