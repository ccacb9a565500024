"""Kill points: programs are stopped at a chosen step, something is killed, readers watch, and the programs run again.

`tests/assets/test_kills.py` carries out dozens of points, `python -m bench kill` as many as one likes.
"""
