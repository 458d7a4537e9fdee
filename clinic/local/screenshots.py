"""`./dev screenshots`: the pictures of the documentation, taken anew of the demo's clinic."""

import sys

from clinic.local import bench
from clinic.local.errors import LocalError


def main() -> int:
    try:
        return bench.run("tests.screenshots.take", sys.argv[1:])
    except LocalError as why:
        print(f"screenshots: {why}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
