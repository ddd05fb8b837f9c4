"""``python -m drywire_polls``."""

from .main import main

if __name__ == "__main__":
    main()
