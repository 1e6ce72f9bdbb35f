"""What a fixed front camera can tell of a table: colours, places, and how far a goal is reached."""
