"""Reading, filtering, cleaning and splitting of posts: pandas in, pandas out, no torch."""
