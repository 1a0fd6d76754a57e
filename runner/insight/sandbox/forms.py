"""Reads a form the way PHP fills `$_POST`, as far as the queue endpoint needs it. Pure."""

from urllib.parse import unquote_to_bytes

Form = dict[str, "str | dict[str, str]"]


def php_form(body: bytes) -> Form:
    """`a=1&m[x]=2` as {"a": "1", "m": {"x": "2"}}; the last of equal names wins, as in PHP."""
    form: Form = {}
    for pair in body.split(b"&"):
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        name, value = _decode(raw_name).lstrip(" "), _decode(raw_value)
        outer, bracket, rest = name.partition("[")
        inner, closing, _ = rest.partition("]")
        # PHP cannot have these in the name of a variable.
        outer = outer.replace(".", "_").replace(" ", "_")
        if not outer:
            continue
        if bracket and closing:
            array = form.get(outer)
            if not isinstance(array, dict):
                array = form[outer] = {}
            array[inner or str(len(array))] = value
        else:
            form[outer + ("_" + rest if bracket else "")] = value
    return form


def _decode(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "replace")
