"""What a document's line of a signature says: the parameters, and their defaults."""

import ast
import json

import drywire

__all__ = ["defaults_in"]


def defaults_in(line):
    """Return the parameters that `line` has a default for, by name: ``class aiohttp.CookieJar(*, unsafe=False):``."""
    _, _, signature = line.partition("(")
    function = ast.parse(f"def signature({signature.strip().removesuffix(':')}: pass").body[0]
    arguments = function.args
    pairs = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    if arguments.defaults:
        pairs += zip(arguments.args[-len(arguments.defaults) :], arguments.defaults, strict=True)
    return {argument.arg: _value(default) for argument, default in pairs if default is not None}


def _value(default):
    return eval(compile(ast.Expression(default), "<signature>", "eval"), {"aiohttp": drywire, "json": json})
