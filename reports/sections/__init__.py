"""The sections of the report, each as rows of strings; the layouts only lay them out."""
