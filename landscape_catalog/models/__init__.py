"""The networks that an experiment can name. `registry` describes them without torch."""
