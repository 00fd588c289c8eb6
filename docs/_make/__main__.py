"""Write every page that is made from the project: ``make pages``."""

from pathlib import Path

from docs._make.pages import pages


def main() -> None:
    """Write the pages that differ from what is there, and name them."""
    for path, text in pages(Path.cwd()).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(Path.cwd()))


if __name__ == "__main__":
    main()
