"""Google Business Profile: sign-in, accounts and locations, local posts and what becomes of them."""
