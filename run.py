"""The door: hands the command line to the front desk."""

from handlers.cli import main

if __name__ == "__main__":
    main()
