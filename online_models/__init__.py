"""What we learn: labels, learners, weights, scores."""
