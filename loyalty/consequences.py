"""What follows from an action, an effect or due work, in order: decisions to publish, and effects to send."""

from loyalty.decisions import Decision
from loyalty.effects import Effect

Consequence = Decision | Effect
