"""ASGI both ways: an application of ours under other servers, and other frameworks' applications under ours.

Here live what calls and what is called, in terms of ASGI 3. It may import the server's connections, requests,
responses and routing; of `Application` it knows only what it needs, so that `app` can import it.
"""

from .callable import ASGICallable
from .handler import ASGIHandler
from .hosted_lifespan import LifespanFailed
from .messages import ASGIApp, Message, Receive, Scope, Send
from .resource import ASGIResource, mount_asgi
from .serving import ASGIServing, ResponseCutOff, asgi_lifespan

__all__ = [
    "ASGIApp",
    "ASGICallable",
    "ASGIHandler",
    "ASGIResource",
    "ASGIServing",
    "LifespanFailed",
    "Message",
    "Receive",
    "ResponseCutOff",
    "Scope",
    "Send",
    "asgi_lifespan",
    "mount_asgi",
]
