"""Domain adaptation: the encoder guesses masked words of the posts, labels aside, before any technique starts."""
