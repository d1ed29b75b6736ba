"""``python -m auditor`` is ``mlaudit``, in a clone as well as installed."""

from auditor.cli import main

if __name__ == "__main__":
    main()
