"""Every way of cleaning through the same head: do stop words and lemmas matter, and what does the paper's bug cost?"""
