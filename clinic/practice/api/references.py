"""An id inside a body or a query that names nothing here is a fault of that field, not of the address."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from clinic.practice.errors import Invalid, NotFound

NOT_HERE = "There is no such object here."
Row = TypeVar("Row")


def named(field: str, load: Callable[[], Row]) -> Row:
    """What `load` finds. Raises Invalid on the field where it raises NotFound: missing and another
    practice's alike.
    """
    try:
        return load()
    except NotFound:
        raise Invalid({field: [NOT_HERE]}) from None


@contextmanager
def pointing(loaders: Mapping[str, Callable[[], Any] | None]) -> Iterator[None]:
    """Tell a NotFound from inside as Invalid on each field whose loader finds nothing.

    The loaders run only then, so that what is found costs nothing more. A loader of None is a field not
    given.
    """
    try:
        yield
    except NotFound:
        missing = {}
        for field, load in loaders.items():
            try:
                if load is not None:
                    load()
            except NotFound:
                missing[field] = [NOT_HERE]
        if not missing:
            raise
        raise Invalid(missing) from None
