"""Doubles of the platforms we publish to, as one local server: stateful, kept on disk, faulty on demand.

They stand for somebody else's servers, so they import nothing of the product and the product nothing of them.
"""
