"""Body-worn cameras for the demo and the tests, made of the gateway's own parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.simulator.simulation import Simulation as Simulation

__all__ = ["Simulation"]


def __getattr__(name: str) -> Any:
    """Import `Simulation` when it is asked for: the encoder's worker lives in this package and needs none of it."""
    if name == "Simulation":
        from gateway.simulator.simulation import Simulation

        return Simulation
    raise AttributeError(name)
