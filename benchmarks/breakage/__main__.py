"""How good the breakage forecast is, on programmes whose truth is known: `python -m benchmarks.breakage PROGRAMMES`.

Virtual members earn, save, redeem and let points expire for four years, and every point's fate is written down. The
forecast sees the ledger entries up to a month's end, and is compared with what then became of the very points that were
outstanding: how far its breakage was off, and how often its interval held it. Beside it are two rules of thumb: as
large a share of what is outstanding expires as has of all that has ended so far, or of all that was issued so far.
"""

import sys

from benchmarks.breakage.backtest import table

if __name__ == "__main__":
    sys.stdout.writelines(f"{row}\n" for row in table(int(sys.argv[1])))
