"""Navigation World Models (Bar et al., arXiv 2412.03572), written anew from the paper's text."""
