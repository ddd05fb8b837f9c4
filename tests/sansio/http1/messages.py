"""What each broken rule says to a person: a pattern for each, which the message must match whole."""

MESSAGES = {
    "bad-chunk-end": "chunk data is longer than its size says, or not followed by CRLF",
    "bad-chunk-size": "chunk size is not 1 to 16 hexadecimal digits and well-formed extensions",
    "bad-content-length": "Content-Length is not a number of 1 to 18 digits",
    "bad-field-name": "header name is not a token",
    "bad-host": r"HTTP/1\.1 request without Host|Host is not host\[:port\]",
    "bad-method": "method is not a token",
    "bad-request-line": "request line is not method, target and version with one space between",
    "bad-status-line": "status is not three digits and a reason",
    "bad-switch": r"101 that does not say, in HTTP/1\.1, to which of the offered protocols it switches",
    "bad-target": (
        "request target is empty or has a byte that must be percent-encoded"
        r"|request target is neither a path, an absolute URI with a valid authority, nor \*"
        r"|the target \* is for OPTIONS only|the target of CONNECT is not host:port"
    ),
    "bad-transfer-encoding": "Transfer-Encoding is not exactly one final chunked",
    "bad-version": "not an HTTP version",
    "bare-cr": "carriage return without line feed",
    "bare-lf": "line feed without carriage return",
    "closed-without-response": "connection closed without a response",
    "connect-body": "a CONNECT request cannot have a body",
    "control-byte": "control byte in a head",
    "data-after-end": r"data after the peer's last message \((MUST_CLOSE|CLOSED)\)",
    "incomplete-body": (
        r"connection closed inside a chunked body|connection closed with \d+ bytes of the body still to come"
    ),
    "incomplete-head": "connection closed inside a head",
    "interim-body": "an interim response that says it has a body",
    "length-and-coding": "both Content-Length and Transfer-Encoding",
    "limit-body": r"body over the limit of \d+ bytes \(Limits\.body\)",
    "limit-chunk_extensions": r"chunk extensions over the limit of \d+ bytes \(Limits\.chunk_extensions\)",
    "limit-field_count": r"field count over the limit of \d+ \(Limits\.field_count\)",
    "limit-field_line": r"field line over the limit of \d+ bytes \(Limits\.field_line\)",
    "limit-head": r"head over the limit of \d+ bytes \(Limits\.head\)",
    "limit-informational": r"informational over the limit of \d+ \(Limits\.informational\)",
    "limit-start_line": r"start line over the limit of \d+ bytes \(Limits\.start_line\)",
    "limit-trailer_count": r"trailer count over the limit of \d+ \(Limits\.trailer_count\)",
    "limit-trailers": r"trailers over the limit of \d+ bytes \(Limits\.trailers\)",
    "mixed-line-ends": "a head whose lines end in CRLF and in a line feed alone",
    "no-colon": "header line without a colon",
    "obs-fold": "line folding",
    "out-of-order": "(CLIENT|SERVER) sent [A-Za-z]+ while [A-Z_]+",
    "repeated-field": "more than one [A-Za-z-]+ field",
    "space-before-colon": "white space before the colon",
    "trace-body": "a TRACE request cannot have a body",
    "transfer-encoding-1.0": r"Transfer-Encoding in an HTTP/1\.0 message",
    "unasked-response": "a response to no request",
    "unasked-switch": "101 without a request to upgrade",
    "unknown-coding": "Transfer-Encoding names a coding that is not understood",
    "unsupported-version": r"only HTTP/1\.0 and HTTP/1\.1 are spoken here",
}
