"""A VLM at the table: it proposes tool poses, and judges what a world model makes of them."""
