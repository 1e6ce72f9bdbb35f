"""``python -m wiw``."""

from wiw.cli import main

if __name__ == "__main__":
    main()
