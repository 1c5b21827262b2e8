"""Inference: what statistics needs beside its intervals. Numbers in, numbers out."""
