"""Questions about a home: understanding them, remembering what was seen, answering."""
