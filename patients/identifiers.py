"""Under which names other systems know a patient: what was given, checked."""

from collections.abc import Mapping

from clinic.practice import fields


def clean(problems: fields.Problems, given: object) -> dict[str, str | None]:
    """The names by system, None for one that is taken away; what is wrong is added to `problems`."""
    if not isinstance(given, list | tuple) or len(given) > 20:
        problems.add("external_ids", "Must be a list of at most 20 of {system, value}.")
        return {}
    found: dict[str, str | None] = {}
    for number, item in enumerate(given):
        path = f"external_ids.{number}"
        if not isinstance(item, Mapping) or set(item) != {"system", "value"}:
            problems.add(path, "Must be {system, value}.")
            continue
        system = fields.text(problems, f"{path}.system", item["system"], longest=200)
        if system in found:
            problems.add(f"{path}.system", "This system is named twice.")
        found[system] = (
            None
            if item["value"] is None
            else fields.text(problems, f"{path}.value", item["value"], longest=200)
        )
    return found
