"""Everything of the web server that is no page: sign-in, health, headers, and the life of the process."""
