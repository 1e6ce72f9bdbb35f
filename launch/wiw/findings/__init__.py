"""The paper's five findings, asked of our tasks and models (arXiv 2510.18135, section 4)."""
