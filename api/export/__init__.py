"""Answers as files: CSV, XLSX, Parquet and PDF.

`formats` chooses one, `reports` makes a `document` of an answer, `files` writes it, `response` sends it.
"""
