"""`ReloadingSSLContext`: TLS for servers, whose certificates are read again when their files change."""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
from collections.abc import Callable
from typing import Any, Final

from drywire_transports import Runtime, Timer

__all__ = ["ReloadingSSLContext", "reload_certificates", "watch_certificates"]

logger: Final = logging.getLogger("drywire.server")

Stamp = tuple[int, int, int]
Password = str | bytes | bytearray | Callable[[], str | bytes | bytearray] | None


class ReloadingSSLContext(ssl.SSLContext):
    """An SSL context for `run_app` that knows from which files its certificates came, and loads them again.

        context = web.ReloadingSSLContext.from_files("cert.pem", "key.pem")
        web.run_app(app, ssl_context=context)

    `run_app` does so on SIGHUP, and within `check_every` seconds after the files have changed; connections that are
    open keep what they began with. Where files do not fit each other, as while they are being replaced, what was there
    before stays.
    """

    check_every: float = 10.0
    """Seconds between looks at the files; 0 to look on SIGHUP only."""

    def __new__(cls, protocol: int = ssl.PROTOCOL_TLS_SERVER) -> ReloadingSSLContext:  # noqa: D102 - see the class
        context = super().__new__(cls, protocol)
        context._chains = []
        return context

    _chains: list[tuple[tuple[str, str | None, Password], Any]]

    @classmethod
    def from_files(
        cls, certfile: str | os.PathLike[str], keyfile: str | os.PathLike[str] | None = None, password: Password = None
    ) -> ReloadingSSLContext:
        """Return a context with the certificate chain and the key in these files. Raises OSError, ssl.SSLError."""
        context = cls()
        context.load_cert_chain(certfile, keyfile, password)
        return context

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Password = None) -> None:
        """Load a certificate chain and its key, and remember where they are. Raises OSError, ssl.SSLError."""
        files = os.fspath(certfile), None if keyfile is None else os.fspath(keyfile)
        stamps = _stamps(files)
        super().load_cert_chain(*files, password)
        self._chains.append(((*files, password), stamps))

    @property
    def changed(self) -> bool:
        """Whether a file is not what it was when it was loaded."""
        return any(_stamps((certfile, keyfile)) != stamps for (certfile, keyfile, _), stamps in self._chains)

    def reload(self) -> None:
        """Load all chains again. Raises OSError, ssl.SSLError; then nothing has changed."""
        loaded = []
        for chain, _ in self._chains:
            stamps = _stamps(chain[:2])
            # A context into which half a pair was loaded could serve nobody, so this is tried elsewhere.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*chain)
            loaded.append((chain, stamps))
        for chain, _ in loaded:
            super().load_cert_chain(*chain)
        self._chains = loaded


def _stamps(files: tuple[str, str | None]) -> list[Stamp | None]:
    """Return what tells the state of each file from another one's."""
    found: list[Stamp | None] = []
    for file in files:
        stamp = None
        with contextlib.suppress(OSError):
            if file is not None:
                status = os.stat(file)
                stamp = status.st_mtime_ns, status.st_size, status.st_ino
        found.append(stamp)
    return found


def reload_certificates(context: ssl.SSLContext | None) -> None:
    """Load the certificates of `context` again, if it knows from where; log what comes of it."""
    if not isinstance(context, ReloadingSSLContext):
        return
    try:
        context.reload()
    except (OSError, ValueError) as error:
        logger.error("the certificates cannot be loaded again, so those from before stay: %s", error)
    else:
        logger.info("the certificates were loaded again")


def watch_certificates(context: ssl.SSLContext | None, runtime: Runtime) -> Callable[[], None]:
    """Load the certificates of `context` again whenever their files change; return what ends that.

    Does nothing for a context that is no `ReloadingSSLContext`.
    """
    timers: list[Timer] = []

    def look() -> None:
        assert isinstance(context, ReloadingSSLContext)
        if context.changed:
            reload_certificates(context)
        timers[:] = [runtime.call_at(runtime.now() + context.check_every, look)]

    def stop() -> None:
        for timer in timers:
            timer.cancel()

    if isinstance(context, ReloadingSSLContext) and context.check_every > 0:
        timers.append(runtime.call_at(runtime.now() + context.check_every, look))
    return stop
