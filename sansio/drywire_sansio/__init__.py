"""The protocol core of drywire: bytes and values in, events and bytes out.

Here live the state machines and pure functions that decide everything that can be decided without I/O. They
import the standard library only, and of it nothing that touches a socket, a file, a clock or an event loop.
Nothing here calls back, waits, logs or draws random numbers: time and chance come in as arguments.

    from drywire_sansio import http1

    connection = http1.ServerConnection()
    connection.receive_data(b"GET / HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\n")
    request = connection.next_event()
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
