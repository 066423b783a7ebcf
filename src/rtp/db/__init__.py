"""The database: engine, the transaction frame, the tables that every write touches, and the migrations."""
