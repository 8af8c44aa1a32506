"""A journal page as one HTML file that needs nothing beside it: style and figures are inside, and no script is."""

from __future__ import annotations

import base64
import html
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --muted: #656d76; --line: #d8dee4; --back: #ffffff; --code: #f2f4f6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --muted: #8d96a0; --line: #30363d; --back: #0d1117; --code: #1b2129 }
  img { background: #fff; border-radius: 4px }
}
body { font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 2.5rem auto;
       max-width: 64rem; padding: 0 1.25rem }
h1 { font-size: 1.7rem; line-height: 1.25 } h2 { font-size: 1.2rem; margin-top: 2.2rem }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top }
thead th:empty { padding: 0 } td > strong { white-space: nowrap }
code, pre { font: .88em/1.5 ui-monospace, Consolas, monospace; background: var(--code); border-radius: 4px }
code { padding: .1em .3em } pre { padding: .8rem 1rem; overflow-x: auto } pre code { padding: 0; font-size: 1em }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0 }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def as_html(text: str, title: str, folder: Path) -> str:
    """Markdown as a complete HTML page.

    HTML in `text` is shown and not obeyed. Images that lie below `folder` become part of the page; of others, such as
    those of another machine, the words stay.

    Args:
        text: Markdown, with tables.
        title: of the page.
        folder: where relative paths of images start from.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                found = _inside(folder, str(child.attrGet("src") or ""))
                if found is None:
                    child.type, child.tag, child.content = "text", "", f"[{child.content}]"
                    child.children = None
                else:
                    child.attrSet("src", found)
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _inside(folder: Path, source: str) -> str | None:
    """A PNG file below `folder` as a data address."""
    from urllib.parse import unquote

    try:
        path = (folder / unquote(source)).resolve()
        if not path.is_relative_to(folder.resolve()) or path.suffix.lower() != ".png":
            return None
        content = path.read_bytes()
    except (OSError, ValueError):
        return None
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
