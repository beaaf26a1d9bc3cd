"""The workshop: a small recommender that knows ids, words and times, nothing of WeChat or money."""
