"""The breakage forecast on programmes whose truth is known: `make breakage`."""
