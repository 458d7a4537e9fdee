"""What somebody wants, before anything is written: orders, proposals, chosen visits, and whether one fits."""
