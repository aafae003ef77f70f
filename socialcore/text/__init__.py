"""How each platform reads, counts and marks up the text of a post."""
