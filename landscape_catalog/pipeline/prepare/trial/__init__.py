"""The trial of a custom network or task before anything is trained."""
