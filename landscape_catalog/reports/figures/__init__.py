"""Static figures: charts of the report at fixed sizes, as SVG, PDF and PNG."""
