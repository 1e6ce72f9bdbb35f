"""What only the bridge node uses: the open episode, motion under watch, topics."""
