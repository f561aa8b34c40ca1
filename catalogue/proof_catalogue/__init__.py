"""The proof catalogue: rows, regions, vocabulary, linking, search and decisions. Imports nothing of ours."""
