"""What reading a body line by line can raise. Of a head that is no HTTP the client raises ClientResponseError."""

from drywire_transports.body_reader import LineTooLong as LineTooLong

__all__ = ["LineTooLong"]
