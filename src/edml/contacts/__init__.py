"""Whether contact helps: who is contacted by lot, and what comes of it."""

from edml.contacts._assign import assign_contacts
from edml.contacts._effect import ContactEffect, contact_effect
from edml.contacts._power import ContactPower, contact_power

__all__ = [
    "ContactEffect",
    "ContactPower",
    "assign_contacts",
    "contact_effect",
    "contact_power",
]
