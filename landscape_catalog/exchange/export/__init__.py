"""What leaves the catalog: CSV and Parquet files, and bundles that can be cited and imported."""
