"""Are these one person? Normalise, compare and match, with the reasons for the score."""
