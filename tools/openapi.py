"""Write the OpenAPI document to docs/reference/openapi.json, or with --check say whether it is current."""

import sys
from pathlib import Path

from ingufu.web.docs.documents import document_bytes

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "openapi.json"


def main() -> int:
    """Return the exit code: 1 if the document is to be current and is not."""
    document = document_bytes()
    if "--check" in sys.argv[1:]:
        if TARGET.is_file() and TARGET.read_bytes() == document:
            return 0
        print(f"{TARGET} is not what the code says; run tools/openapi.py.", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
