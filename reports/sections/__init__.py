"""The sections of the report as rows of strings; HTML, Markdown and text only lay them out."""
