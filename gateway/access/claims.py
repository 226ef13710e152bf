"""What an issuer's claims make of somebody here: name, role and camera groups, by the settings of that issuer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.access.users import is_user_name
from gateway.base.errors import RefusedError
from gateway.base.issuers import Issuer, claim
from gateway.base.names import group_name
from gateway.base.roles import Role


@dataclass(frozen=True, slots=True)
class Granted:
    """Who somebody is here, as their issuer has it."""

    name: str
    role: Role
    groups: tuple[str, ...]
    """(): not limited, which only an issuer without `groups_claim` says."""


def granted(settings: Issuer, name_claim: str, claims: dict[str, Any]) -> Granted:
    """Read claims whose signature has been checked.

    Raises:
        RefusedError: they make nobody of them; the sentence says which claim is missing or fits nothing.
    """
    name = claim(claims, name_claim)
    if not isinstance(name, str) or not is_user_name(name):
        raise RefusedError(f'the claim "{name_claim}" has no name that can be used here')
    values = _texts(claim(claims, settings.role_claim))
    role = next((role for value, role in settings.roles.items() if value in values), None)
    if role is None:
        raise RefusedError(
            f'{name} has no role here: none of the values of the claim "{settings.role_claim}" stands in the settings'
        )
    groups: tuple[str, ...] = ()
    if settings.groups_claim is not None:
        groups = tuple(sorted({text for text in _texts(claim(claims, settings.groups_claim)) if _is_group(text)}))
        if not groups:
            # No group would mean no limit.
            raise RefusedError(f'{name} is in no group of cameras: the claim "{settings.groups_claim}" names none')
    return Granted(name, role, groups)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _is_group(text: str) -> bool:
    try:
        group_name(text)
    except ValueError:
        return False
    return True
