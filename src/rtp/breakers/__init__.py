"""Circuit breakers: what the processes that call others report of theirs, and how an operator closes one."""
