"""Reads a form the way PHP fills `$_POST`: Insight is written in PHP, and posts and reads forms of this kind.

Pure. `a=1&m[x]=2&e[0][name]=dialing` becomes {"a": "1", "m": {"x": "2"}, "e": {"0": {"name": "dialing"}}}.
"""

import re
from urllib.parse import unquote_to_bytes

PhpForm = dict[str, "str | PhpForm"]

_MOST_FIELDS = 1_000
_DEEPEST = 64
"""PHP's own limits: `max_input_vars` and `max_input_nesting_level`. It drops what is beyond them."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")


def php_form(body: bytes) -> PhpForm:
    """The fields of a form by name, each text or an array; the last of equal names wins."""
    form: PhpForm = {}
    for pair in [each for each in body.split(b"&") if each][:_MOST_FIELDS]:
        name, _, value = pair.partition(b"=")
        path = _path(_decode(name))
        if path:
            _put(form, path, _decode(value))
    return form


def with_lists(value: str | PhpForm) -> object:
    """The same with a list for each array whose keys are 0, 1, 2 and so on."""
    if isinstance(value, str):
        return value
    inner = [with_lists(each) for each in value.values()]
    if inner and list(value) == [str(index) for index in range(len(value))]:
        return inner
    return dict(zip(value, inner, strict=True))


def _path(name: str) -> list[str]:
    """The keys that lead to a field: `a[b][]` as a, b and nothing. No keys for a name that PHP drops."""
    name = name.lstrip(" ")
    outer, bracket, rest = name.partition("[")
    # PHP cannot have these in the name of a variable.
    outer = outer.replace(".", "_").replace(" ", "_")
    if not outer:
        return []
    if not bracket:
        return [outer]
    if "]" not in rest:
        return [f"{outer}_{rest}"]
    path = [outer]
    while bracket and "]" in rest:
        inner, _, rest = rest.partition("]")
        path.append(inner)
        # What stands between two pairs of brackets ends the name.
        bracket, rest = rest[:1] if rest.startswith("[") else "", rest[1:]
    return path if len(path) <= _DEEPEST else []


def _put(form: PhpForm, path: list[str], value: str) -> None:
    array = form
    for key in path[:-1]:
        name = key if array is form else key or _next_index(array)
        inner = array.get(name)
        if not isinstance(inner, dict):
            inner = array[name] = {}
        array = inner
    array[path[-1] or _next_index(array)] = value


def _next_index(array: PhpForm) -> str:
    return str(max((int(key) for key in array if _INDEX.fullmatch(key)), default=-1) + 1)


def _decode(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "replace")
