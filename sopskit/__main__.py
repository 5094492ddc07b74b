"""`python -m sopskit`: the same as the console script.

In a checkout of somebody else's, prefer the console script: `-m` puts the current folder first on the import path.
"""

from sopskit.cli.main import run

if __name__ == "__main__":
    run()
