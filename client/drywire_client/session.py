"""`ClientSession`: a method for each verb, and one for WebSockets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Literal, Unpack, overload

from yarl import URL

from drywire_transports import current_runtime
from drywire_transports.message_fields import LooseHeaders
from drywire_transports.payloads import Payload

from .awaited import Awaited
from .bodies import json_body, make_body
from .call import Call, RaiseForStatus
from .cookie_jar import LooseCookies
from .errors import ClientResponseError
from .exchange import exchange
from .legacy import deprecated, merged_ssl
from .middlewares import ClientHandlerType, ClientMiddlewareType, wrapped
from .options import (
    UNSET,
    Query,
    Timeout,
    Unset,
    authorization_of,
    compression,
    limits_of,
    proxying,
    to_timeout,
    to_ws_timeout,
    with_query,
)
from .request import RequestSettings, absolute_text, absolute_url
from .request_fields import check_framing, checked_method
from .request_options import RequestOptions
from .response import ClientResponse
from .session_settings import SessionSettings, unclosed
from .timeouts import DEFAULT_WS_TIMEOUT, ClientWSTimeout, Deadlines
from .tracing import traces_of
from .upload_tracker import UploadTracker
from .websocket import ClientWebSocketResponse, WebSocketSettings, WebSocketWish, handshake_error, http_url

__all__ = ["ClientSession"]


class ClientSession(SessionSettings):
    """Requests that share connections, cookies, headers and settings. Make one for a program, and close it.

    `base_url` is what relative URLs are joined to; `connector` is closed with the session if `connector_owner`;
    `cookies` are sent to every host, and `cookie_jar` keeps what servers set; `headers` go with each request;
    `skip_auto_headers` names those that do not by themselves; `auth` is a `BasicAuth`, sent to the origin of the base
    URL only if there is one; `proxy`, `proxy_auth`, `proxy_headers` and `proxies` (by scheme) say what requests go
    through; `json_serialize` writes JSON as str, `json_serialize_bytes` as bytes; `request_class`, `response_class` and
    `ws_response_class` are classes of your own made of ours; `version` is the HTTP version of requests; with
    `raise_for_status` a status of 400 or more raises, or what an async function of the response makes of it; `timeout`
    is a `ClientTimeout`, or the total in seconds; `auto_decompress` decodes bodies; `trust_env` uses the environment's
    proxies and netrc file; `trace_configs` and `middlewares` go around each request; `max_line_size`, `max_field_size`
    (bytes) and `max_headers` bound what responses may have; `fallback_charset_resolver` is asked for the charset of a
    body that names none; `ssl` is the default for requests.
    """

    async def __aenter__(self) -> ClientSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(self, *_: object) -> None:
        """Never reached."""

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and not self.closed and self._connector_owner:
            unclosed(self)

    # Requests

    def request(self, method: str, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """Request `url` by `method`: await it for the response, or enter it to have that released at the end.

        `params`: what is added to the URL's query: a mapping, pairs, or a str that is left as it is. `data`: the body:
        bytes, str, a form (mapping, pairs, `FormData`), a file, an async iterable, a `Payload`. `json`: a body in JSON.
        `files`: files to send with a form. `cookies`: for this request only. `headers`: in place of the session's of
        the same names. `skip_auto_headers`: names that do not go along by themselves. `auth`: a `BasicAuth`.
        `allow_redirects`, `max_redirects` (10; 0 for any number). `compress`: True (deflate) or a content coding.
        `chunked`: use the chunked coding. `expect100`: send the body once the server says 100 Continue, or nothing for
        a second. `raise_for_status`, `read_until_eof`, `auto_decompress`, `middlewares`, `ssl`, `server_hostname`,
        `proxy` (its URL: http, https, socks5 ...), `proxy_auth` (a `BasicAuth`), `proxy_headers`, `max_line_size`,
        `max_field_size`, `max_headers`: in place of the session's. `timeout`: a `ClientTimeout`, seconds in all, or
        None for no limit.
        `trace_request_ctx`: for the contexts of `TraceConfig`. `upload_tracker`: an `UploadTracker`.

        Raises the errors of `drywire_client.errors`, TimeoutError where the total timeout passes, RuntimeError once
        the session is closed, and TypeError or ValueError for options that are not valid.
        """
        return self._begin(method, url, options)

    def get(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """GET `url`; see `request`."""
        return self._begin("GET", url, options)

    def head(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """HEAD `url`, and follow no redirects unless told to; see `request`."""
        options.setdefault("allow_redirects", False)
        return self._begin("HEAD", url, options)

    def options(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """OPTIONS on `url`; see `request`."""
        return self._begin("OPTIONS", url, options)

    def post(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """POST `data` to `url`; see `request`."""
        return self._begin("POST", url, options)

    def put(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """PUT `data` to `url`; see `request`."""
        return self._begin("PUT", url, options)

    def patch(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """PATCH `url` with `data`; see `request`."""
        return self._begin("PATCH", url, options)

    def delete(self, url: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """DELETE `url`; see `request`."""
        return self._begin("DELETE", url, options)

    def _begin(self, method: str, url: str | URL, options: RequestOptions) -> Awaited[ClientResponse]:
        if options.get("upload_tracker") is not None:
            return Awaited(self._tracked(method, url, **options))  # type: ignore[arg-type]  # not None
        return Awaited(self._request(method, url, **options))

    async def _tracked(self, method: str, url: str | URL, *, upload_tracker: UploadTracker, **options: Any) -> Any:
        """Make a request, and settle its tracker if it fails before anything is sent."""
        upload_tracker.bind()
        try:
            return await self._request(method, url, upload_tracker=upload_tracker, **options)
        except BaseException as error:
            upload_tracker.abort(error)
            raise

    async def _request(
        self,
        method: str,
        url: str | URL,
        *,
        params: Query = None,
        data: Any = None,
        json: Any = None,
        files: Any = None,
        cookies: LooseCookies | None = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        auth: Any = None,
        allow_redirects: bool = True,
        max_redirects: int = 10,
        raise_for_status: RaiseForStatus | None = None,
        timeout: Timeout | Unset = UNSET,
        middlewares: Sequence[ClientMiddlewareType] | None = None,
        trust_env: bool | None = None,
        **options: Any,
    ) -> ClientResponse:
        if self._closed or self._connector is None:
            raise RuntimeError("Session is closed")
        runtime = current_runtime()
        if self._connector.runtime is not runtime:
            self._connector.attach(runtime)
        target = (absolute_text if type(url) is str else absolute_url)(url, self._base_url)
        if params:
            target = with_query(target, params)
        has_body = data is not None or json is not None or files is not None
        payload = self._payload(data, json, files) if has_body else None
        if method not in _KNOWN:
            method = checked_method(method)
        settings = self._settings
        if options or self._trace_configs:
            settings = self._call_settings(options)
        merged = self._merged(headers) if headers or skip_auto_headers else None
        if payload is not None and "Expect" in (self._headers if merged is None else merged):
            settings = replace(settings, expect100=True)
        if settings.compress or settings.chunked:
            check_framing(self._headers if merged is None else merged, settings.compress, settings.chunked)
        limits = self._timeout if isinstance(timeout, Unset) else to_timeout(timeout)
        call = Call(
            self,
            method,
            target,
            payload,
            merged,
            self._skip.union(map(str.lower, skip_auto_headers)) if skip_auto_headers else self._skip,
            cookies,
            authorization_of(auth) if auth is not None else None,
            settings,
            Deadlines(limits, runtime.now(), method, target),
            allow_redirects,
            max_redirects,
            exchange if not self._middlewares and not middlewares else self._handler(middlewares),
            self._raise_for_status if raise_for_status is None else raise_for_status,
            self._trust_env if trust_env is None else trust_env,
        )
        return await (call.run_traced() if settings.traces else call.run())

    def _call_settings(self, options: dict[str, Any]) -> RequestSettings:
        """Return the settings of one call. Raises TypeError for an option that there is not."""
        unknown = options.keys() - _OPTIONS
        if unknown:
            raise TypeError(f"a request has no option {min(unknown)!r}")
        take = options.get
        changes: dict[str, Any] = {
            "compress": compression(take("compress")),
            "chunked": _chunked(take("chunked")),
            "expect100": take("expect100"),
            **proxying(take("proxy"), take("proxy_auth"), take("proxy_headers")),
            "server_hostname": take("server_hostname"),
            "auto_decompress": take("auto_decompress"),
            "version": take("version"),
            "websocket": take("_websocket"),
            "read_until_eof": take("read_until_eof"),
            "read_bufsize": take("read_bufsize"),
            "limits": limits_of(
                self._settings.limits, take("max_line_size"), take("max_field_size"), take("max_headers")
            ),
        }
        ssl = merged_ssl(take("ssl", True), take("verify_ssl"), take("ssl_context"), take("fingerprint"))
        if ssl is not True:
            changes["ssl"] = ssl
        tracker: UploadTracker | None = take("upload_tracker")
        if tracker is not None:
            changes["upload_tracker"] = tracker
        if self._trace_configs:
            changes["traces"] = traces_of(self, self._trace_configs, take("trace_request_ctx"))
        return self._settings_of(changes)

    def _payload(self, data: Any, json: Any, files: Any) -> Payload:
        if json is None:
            return make_body(data, files)
        if data is not None or files is not None:
            raise ValueError("data and json (or files and json) cannot go together: each would be the body")
        return json_body(json, self._json_serialize, self._json_serialize_bytes)

    def _handler(self, middlewares: Sequence[ClientMiddlewareType] | None) -> ClientHandlerType:
        return wrapped(exchange, self._middlewares if middlewares is None else middlewares)

    async def netrc_authorization(self, url: URL) -> str | None:
        """Return the Authorization field that the user's netrc file gives for `url`."""
        return await current_runtime().in_thread(self._netrc.authorization, url.host or "")

    # WebSockets

    @overload
    def ws_connect(
        self,
        url: str | URL,
        *,
        method: str = ...,
        protocols: Iterable[str] = ...,
        timeout: ClientWSTimeout | float = ...,
        receive_timeout: float | None = ...,
        autoclose: bool = ...,
        autoping: bool = ...,
        heartbeat: float | None = ...,
        auth: Any = ...,
        origin: str | None = ...,
        params: Query = ...,
        headers: LooseHeaders | None = ...,
        ssl: Any = ...,
        server_hostname: str | None = ...,
        proxy: str | URL | None = ...,
        proxy_auth: Any = ...,
        proxy_headers: LooseHeaders | None = ...,
        compress: int = ...,
        max_msg_size: int = ...,
        decode_text: Literal[True] = ...,
        **others: Any,
    ) -> Awaited[ClientWebSocketResponse[Literal[True]]]: ...
    @overload
    def ws_connect(
        self, url: str | URL, *, decode_text: Literal[False], **options: Any
    ) -> Awaited[ClientWebSocketResponse[Literal[False]]]: ...
    @overload
    def ws_connect(
        self, url: str | URL, *, decode_text: bool, **options: Any
    ) -> Awaited[ClientWebSocketResponse[bool]]: ...
    def ws_connect(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        protocols: Iterable[str] = (),
        timeout: ClientWSTimeout | float = DEFAULT_WS_TIMEOUT,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        auth: Any = None,
        origin: str | None = None,
        params: Query = None,
        headers: LooseHeaders | None = None,
        ssl: Any = True,
        server_hostname: str | None = None,
        proxy: str | URL | None = None,
        proxy_auth: Any = None,
        proxy_headers: LooseHeaders | None = None,
        compress: int = 0,
        max_msg_size: int = 4 * 1024 * 1024,
        decode_text: bool = True,
        **others: Any,
    ) -> Awaited[ClientWebSocketResponse[Any]]:
        """Open a WebSocket at `url` (ws, wss, http or https): await it, or enter it to have it closed at the end.

        `protocols`: the subprotocols wished for, the dearest first. `timeout`: a `ClientWSTimeout`. `autoclose`:
        answer the server's close frame by itself. `autoping`: answer pings, and keep pings and pongs from the program.
        `heartbeat`: seconds of silence after which the server is pinged; without any sign of life for half of that it
        is given up. `auth`: what has an `encode` for the Authorization header. `compress`: 0, or the bits of the
        server's compression window, 9 to 15. `max_msg_size`: bytes that a message may have, inflated (0 for any
        number). `decode_text`: False gives text as bytes in UTF-8. The others, and `others`, are those of `request`;
        redirects are followed, and the session's timeouts hold for the handshake.

        Raises WSServerHandshakeError where the server does not agree, ValueError for options that are not valid, and
        what `request` raises.
        """
        limits = to_ws_timeout(timeout, receive_timeout)
        wish = WebSocketWish(tuple(protocols), compress, origin)
        settings = WebSocketSettings(
            close_timeout=limits.ws_close,
            receive_timeout=limits.ws_receive,
            autoclose=autoclose,
            autoping=autoping,
            heartbeat=heartbeat,
            max_msg_size=max_msg_size,
            decode_text=decode_text,
        )
        options: dict[str, Any] = {"params": params, "headers": wish.headers(headers, auth), "ssl": ssl}
        options |= {"proxy": proxy, "proxy_auth": proxy_auth, "proxy_headers": proxy_headers, "_websocket": True}
        options["server_hostname"] = server_hostname
        return Awaited(self._ws_connect(method, url, wish, settings, **options, **others))

    async def _ws_connect(
        self, method: str, url: str | URL, wish: WebSocketWish, settings: WebSocketSettings, **options: Any
    ) -> ClientWebSocketResponse[Any]:
        try:
            response = await self._request(method, http_url(url), raise_for_status=False, **options)
        except ClientResponseError as error:
            raise handshake_error(error) from error.__cause__
        agreement = wish.confirm(response)
        return self._ws_response_class(response, response.detach(), agreement, settings, current_runtime())

    # The end

    async def close(self) -> None:
        """Close the session, and the connector if the session owns it; idempotent."""
        connector = self._connector
        self.detach()
        if connector is not None and self._connector_owner:
            await connector.close()

    def detach(self) -> None:
        """Close the session and leave the connector as it is."""
        self._connector = None
        self._closed = True


_KNOWN = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_OPTIONS = frozenset(
    {
        "_websocket",
        "auto_decompress",
        "chunked",
        "compress",
        "expect100",
        "fingerprint",
        "max_field_size",
        "max_headers",
        "max_line_size",
        "proxy",
        "proxy_auth",
        "proxy_headers",
        "read_bufsize",
        "read_until_eof",
        "server_hostname",
        "ssl",
        "ssl_context",
        "trace_request_ctx",
        "upload_tracker",
        "verify_ssl",
        "version",
    }
)


def _chunked(chunked: Any) -> bool | None:
    if chunked is not None and not isinstance(chunked, bool):
        deprecated(
            "a number as chunked= is deprecated: sizes of chunks are not for the caller to choose, use chunked=True", 4
        )
        return True
    return chunked
