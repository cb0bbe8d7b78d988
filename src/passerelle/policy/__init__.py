"""May they see it, how much, and why?"""

from passerelle.policy.decide import Decision, Terms, decide, explained
from passerelle.policy.roles import purpose_of, scopes_of
from passerelle.policy.scopes import narrowed

__all__ = ["Decision", "Terms", "decide", "explained", "narrowed", "purpose_of", "scopes_of"]
