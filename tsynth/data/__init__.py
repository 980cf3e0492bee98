"""The data model: schema, sequences, reading and writing, encodings, constraints, splits."""
