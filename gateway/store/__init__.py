"""The database: tables, engine, migrations. What a row means belongs to the package that writes it."""
