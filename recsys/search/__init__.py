"""Understanding a query: from whatever a follower types to the courses meant. Knows words, not people."""
