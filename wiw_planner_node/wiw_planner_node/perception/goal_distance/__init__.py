"""A learned distance, in metres of way, of a panorama's place to where a goal photo was taken."""
