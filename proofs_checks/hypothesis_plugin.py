"""What Hypothesis learns when it is imported: profiles, and strategies for our types.

Hypothesis calls :func:`register` through its entry point. Nothing else of this package is imported
for that: a type's strategy is registered once the type's module has been imported.
"""

from __future__ import annotations

import sys

__all__ = ["PROFILES", "register", "register_types"]

PROFILES = {"logitreg-fast": 20, "logitreg-thorough": 2000}
"""Names of profiles and their numbers of examples."""


def register() -> None:
    """Register the profiles, and the types that have been imported."""
    from hypothesis import settings

    for name, max_examples in PROFILES.items():
        settings.register_profile(name, max_examples=max_examples, deadline=None)
    register_types()


def register_types() -> None:
    """Let ``st.from_type`` and ``@given(...)`` of annotations build our types.

    A penalty, as :class:`logitreg.Penalty` or :class:`logitreg.numerics.kernels.Kernel`, is one of
    :func:`logitreg.proofs_checks.strategies.penalties`.
    """
    from hypothesis import strategies as st

    def names() -> st.SearchStrategy[str]:
        from .strategies import penalties

        return penalties(names_only=True)

    for module, kind, made in (
        ("logitreg.theory.penalties", "Penalty", "penalty"),
        ("logitreg.numerics.kernels", "Kernel", "kernel"),
    ):
        if (found := sys.modules.get(module)) is not None:
            from_name = getattr(found, made)
            st.register_type_strategy(getattr(found, kind), st.deferred(names).map(from_name))
