"""One module per task: how its episodes are drawn."""
