"""The programme's rules as typed, validated, frozen objects."""
