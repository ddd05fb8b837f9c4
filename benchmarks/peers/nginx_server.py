"""nginx, which answers each request with one file of 1 GiB. Arguments: port. Becomes nginx: ended by its process id."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

SIZE = 1 << 30
SETTINGS = """
daemon off; master_process off; worker_processes 1; pid {home}/pid; error_log {home}/errors;
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; default_type application/octet-stream;
    client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
    uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
    server {{ listen 127.0.0.1:{port}; root {home}/files; index body; }}
}}
"""

nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
if nginx is None:
    sys.exit("nginx is not installed")
home = Path(tempfile.gettempdir()) / "drywire-benchmark-nginx"
(home / "files").mkdir(parents=True, exist_ok=True)
body = home / "files" / "body"
with body.open("wb") as file:
    file.truncate(SIZE)  # sparse: it takes no room, and is read from memory
with body.open("rb") as file:
    while file.read(1 << 24):  # the first to ask shall not be the one for whom it is fetched
        pass
(home / "conf").write_text(SETTINGS.format(home=home, port=sys.argv[1]))
os.execv(nginx, [nginx, "-c", str(home / "conf")])
