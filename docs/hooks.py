"""What MkDocs does beyond its configuration: the examples, which pages link to, are files of the site."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

EXAMPLES = Path(__file__).parents[1] / "examples"


def on_files(files: Files, config: Any) -> Files:
    """Add the examples."""
    for path in sorted(EXAMPLES.glob("*.py")):
        files.append(File.generated(config, f"examples/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **names: Any) -> str:
    """Lead the links to the examples, which stand beside docs/ in the repository, to where the site has them."""
    return markdown.replace("](../examples/", "](examples/")
