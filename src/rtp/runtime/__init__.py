"""Starting and watching PostgreSQL, Valkey, the API and the worker; the instance folder."""
