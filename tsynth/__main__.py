"""``python -m tsynth`` is the command line."""

from tsynth.cli import main

if __name__ == "__main__":
    main()
