"""The one exception that the catalogue raises on purpose."""


class CatalogueError(Exception):
    """Something in the catalogue's files or in a question to it is wrong; the message says what and where."""
