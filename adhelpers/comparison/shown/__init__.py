"""A comparison's report as text, Markdown, HTML, JSON and a picture."""
