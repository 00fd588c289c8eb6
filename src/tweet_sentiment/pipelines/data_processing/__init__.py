"""Raw CSV to tokens: read, filter, split, clean, tokenize, and account for every row."""
