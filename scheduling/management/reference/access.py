"""permissions.md: who may do what."""

from clinic.practice import permissions
from clinic.practice.models.staff import Role
from scheduling.management.reference.markdown import table


def page() -> str:
    roles = [role.value for role in Role]
    grants = sorted(permissions.GRANTS.items())
    rows = [
        (
            f"`{name}`",
            *("yes" if role in grant.roles else "" for role in roles),
            f"`{grant.scope}`" if grant.scope else "",
        )
        for name, grant in grants
    ]
    scopes = [(f"`{scope}`", _capabilities(scope)) for scope in sorted(permissions.SCOPES)]
    return "".join(
        [
            "# Permissions\n\n",
            "One table (`clinic/practice/permissions.py`) says what each role of staff, and each scope "
            "of a program, may\n",
            "do. What is not in it is allowed to nobody. Everybody sees one practice only: their own; "
            "an object of another\n",
            "practice looks exactly like one that does not exist.\n\n",
            "Staff sign in with a session and act by their roles. A program has a token, acts by its "
            "scopes, and never has\n",
            "more of them than its client is allowed now. What only the passing of time does is done "
            "by the system.\n\n",
            f"A patient has no account. By the link of a visit, patients may do {_by_link()}\n",
            "to that visit and to what they say of themselves, nothing else.\n\n",
            "## By role\n\n",
            table(("Capability", *roles, "Scope of a program"), rows),
            "\n## By scope\n\n",
            "The answer to a write shows the whole object as it is now: whoever may write an object sees it "
            "then, also without\n",
            "the scope to read it. A write scope therefore tells more than its name, of the objects whose "
            "ids its bearer has;\n",
            "lists, searches and plain reads stay closed. Such a view is a line of the trail, not of the log "
            "of reads.\n\n",
            table(("Scope", "Capabilities"), scopes),
        ]
    )


def _by_link() -> str:
    return ", ".join(f"`{name}`" for name in sorted(permissions.BY_LINK))


def _capabilities(scope: str) -> str:
    return ", ".join(
        f"`{name}`" for name, grant in sorted(permissions.GRANTS.items()) if grant.scope == scope
    )
