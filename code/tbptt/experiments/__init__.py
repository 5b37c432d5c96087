"""What takes more than a minute: seeded experiments whose results the book ships.

``python -m tbptt.experiments NAME`` runs one and writes ``data/results/NAME/``.
"""
