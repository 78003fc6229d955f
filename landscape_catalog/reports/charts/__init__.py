"""How the report draws it: charts as Altair specifications."""
