"""``python examples/polls``: the application in the package beside this file."""

from drywire_polls.main import main

if __name__ == "__main__":
    main()
