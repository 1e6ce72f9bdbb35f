"""Runway's image-to-video service, through its official client: pictures leave the machine."""
